#include "media/sandbox.h"

#include <sched.h>
#include <seccomp.h>
#include <sys/resource.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <fstream>
#include <initializer_list>
#include <memory>

namespace mimeme {
namespace {

// As sanitizers do.
#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
constexpr bool kReservesTerabytes = true;
#else
constexpr bool kReservesTerabytes = false;
#endif

rlim_t page() { return static_cast<rlim_t>(sysconf(_SC_PAGESIZE)); }

// A picture of 100 megapixels takes some 1.5 GiB while it is decoded, 16-bit and with alpha. On a
// small machine a bomb must not take all there is from the others.
rlim_t memory() {
  constexpr rlim_t kLeast = rlim_t{1} << 30, kMost = rlim_t{4} << 30;
  const auto physical = static_cast<rlim_t>(sysconf(_SC_PHYS_PAGES)) * page();
  return std::clamp(physical / 2, kLeast, kMost);
}

void limit(int resource, rlim_t most) {
  const rlimit limits{most, most};
  setrlimit(static_cast<__rlimit_resource>(resource), &limits);
}

rlim_t address_space_in_use() {
  rlim_t pages = 0;
  std::ifstream("/proc/self/statm") >> pages;
  return pages * page();
}

// What decoders, glibc's memory and threads, and the C++ runtime use.
constexpr std::initializer_list<int> kAllowed = {
    SCMP_SYS(read), SCMP_SYS(write), SCMP_SYS(recvmsg), SCMP_SYS(recvfrom), SCMP_SYS(sendmsg),
    SCMP_SYS(sendto), SCMP_SYS(close), SCMP_SYS(fstat), SCMP_SYS(newfstatat), SCMP_SYS(lseek),
    SCMP_SYS(poll), SCMP_SYS(ppoll),
    // Memory. Executable too: liborc, of libvips, compiles its loops.
    SCMP_SYS(brk), SCMP_SYS(mmap), SCMP_SYS(munmap), SCMP_SYS(mremap), SCMP_SYS(mprotect),
    SCMP_SYS(madvise),
    // Threads. What clone() may make is below.
    SCMP_SYS(futex), SCMP_SYS(set_robust_list), SCMP_SYS(rseq), SCMP_SYS(sched_yield),
    SCMP_SYS(sched_getaffinity), SCMP_SYS(gettid), SCMP_SYS(getpid), SCMP_SYS(exit),
    SCMP_SYS(exit_group), SCMP_SYS(restart_syscall),
    // Signals to itself: abort().
    SCMP_SYS(rt_sigaction), SCMP_SYS(rt_sigprocmask), SCMP_SYS(rt_sigreturn), SCMP_SYS(sigaltstack),
    SCMP_SYS(alarm), SCMP_SYS(setitimer),
    // Time and random numbers.
    SCMP_SYS(clock_gettime), SCMP_SYS(clock_nanosleep), SCMP_SYS(nanosleep), SCMP_SYS(gettimeofday),
    SCMP_SYS(getrandom), SCMP_SYS(getrusage)};

bool fill(scmp_filter_ctx filter) {
  for (const int call : kAllowed)
    if (seccomp_rule_add(filter, SCMP_ACT_ALLOW, call, 0) != 0) return false;
  const scmp_arg_cmp makes_a_thread{0, SCMP_CMP_MASKED_EQ, CLONE_THREAD, CLONE_THREAD};
  const scmp_arg_cmp is_this_process{0, SCMP_CMP_EQ, static_cast<scmp_datum_t>(getpid()), 0};
  return seccomp_rule_add_array(filter, SCMP_ACT_ALLOW, SCMP_SYS(clone), 1, &makes_a_thread) == 0 &&
         // glibc asks with this first, whose flags no filter can see, and falls back if it is not
         // there.
         seccomp_rule_add(filter, SCMP_ACT_ERRNO(ENOSYS), SCMP_SYS(clone3), 0) == 0 &&
         seccomp_rule_add_array(filter, SCMP_ACT_ALLOW, SCMP_SYS(tgkill), 1, &is_this_process) ==
             0 &&
         // Threads that are there already, too.
         seccomp_attr_set(filter, SCMP_FLTATR_CTL_TSYNC, 1) == 0;
}

}  // namespace

Result<> enter_sandbox() {
  limit(RLIMIT_CORE, 0);
  // Of all its pictures: one that was taken over does not work for others for ever, should the
  // parent be gone.
  limit(RLIMIT_CPU, 3600);
  if (!kReservesTerabytes) limit(RLIMIT_AS, address_space_in_use() + memory());
  const std::unique_ptr<void, void (*)(scmp_filter_ctx)> filter(seccomp_init(SCMP_ACT_ERRNO(EPERM)),
                                                                &seccomp_release);
  // It also sets no_new_privs (man 2 prctl).
  if (!filter || !fill(filter.get()) || seccomp_load(filter.get()) != 0)
    return Error{ErrorCode::kUnsupported, "the kernel has no seccomp filters"};
  return {};
}

}  // namespace mimeme
