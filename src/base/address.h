// Which addresses are the internet's, and which are this machine's or somebody's own network.
#ifndef MIMEME_BASE_ADDRESS_H_
#define MIMEME_BASE_ADDRESS_H_

#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <vector>

namespace mimeme {

// "127.0.0.1" or "2001:db8::1" → 4 or 16 bytes in network order; none if it is no address. IPv4
// that is written as IPv6 (::ffff:127.0.0.1) is 4 bytes. Pure.
std::vector<uint8_t> parse_address(const std::string& text);

struct Network {
  std::vector<uint8_t> address;
  int bits = 0;
};
// "10.0.0.0/8", or an address, which is a network of one. Pure.
std::optional<Network> parse_network(const std::string& text);
bool is_in(std::span<const uint8_t> address, const Network& network);

bool is_loopback(std::span<const uint8_t> address);

// Whether anybody on the internet would reach the same thing at this address, of 4 or 16 bytes in
// network order. False for what is private, loopback, link-local (169.254.169.254, where clouds
// tell their secrets), carrier-grade NAT's, multicast, reserved, for documentation, and for IPv6
// that has IPv4 in it, but for NAT64's well-known prefix before a public one; so by IANA's
// registries of special-purpose addresses (RFC 6890) and of IPv6's global unicast, outside which
// all is false. Pure.
bool is_public(std::span<const uint8_t> address);

// Whether it lies in one of the networks that this machine is in, public ones too: its own
// addresses, and what may stand beside it behind the same firewall. True if that cannot be found
// out.
bool is_near(std::span<const uint8_t> address);

// Whether the first `bits` are the same; those of another length are not. Pure.
bool share_prefix(std::span<const uint8_t> a, std::span<const uint8_t> b, int bits);

}  // namespace mimeme

#endif  // MIMEME_BASE_ADDRESS_H_
