// What stands before the handler: whether a request is meant for this server, and no page of
// another site has made a browser send it.
//
// - Its Host is localhost, an address, or one of `hosts`. Any other name is one that its owner has
//   let point here, so that his page is of the same origin as this server (DNS rebinding).
// - A browser says that this server's own page sent it, or the user himself (Sec-Fetch-Site: W3C,
//   Fetch Metadata; Origin, of browsers without it). A link that is followed may come from
//   anywhere. Programs that are no browsers send neither.
//
// Who is refused gets 403. Every answer from here bears the headers by which browsers keep it from
// other sites' pages and run nothing that is in it.
#ifndef MIMEME_HTTP_GUARD_H_
#define MIMEME_HTTP_GUARD_H_

#include <string>
#include <vector>

#include "http/message.h"

namespace mimeme {

// hosts: names without a port, in lower case: "memes.example". Thread-safe, as `handler` is.
HttpHandler guarded(std::vector<std::string> hosts, HttpHandler handler);

}  // namespace mimeme

#endif  // MIMEME_HTTP_GUARD_H_
