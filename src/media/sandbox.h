// Takes rights away from this process, for good: what is left is to compute, to use memory, and to
// read and write descriptors that are open. Linux only: seccomp (man 2 seccomp), by libseccomp.
#ifndef MIMEME_MEDIA_SANDBOX_H_
#define MIMEME_MEDIA_SANDBOX_H_

#include "base/result.h"

namespace mimeme {

// Of all threads. Any other system call fails with EPERM: no file, socket or process can be opened,
// made or signalled. Also limits memory to 4 GiB more than is in use now, less on a machine that
// has less than 8, and writes no core dump. kUnsupported: the kernel has no seccomp filters; the
// limits hold all the same.
Result<> enter_sandbox();

}  // namespace mimeme

#endif  // MIMEME_MEDIA_SANDBOX_H_
