// SPDX-License-Identifier: MIT
#include "proxy/worker.hpp"

#include <algorithm>

#include <sched.h>
#include <sys/resource.h>

namespace anabranch::proxy {

unsigned worker_count(unsigned wanted) {
  if (wanted != 0) return wanted;
  cpu_set_t ours;
  CPU_ZERO(&ours);
  if (::sched_getaffinity(0, sizeof ours, &ours) != 0) return 1;
  return static_cast<unsigned>(std::max(CPU_COUNT(&ours), 1));
}

std::uint64_t raise_descriptor_limit() {
  rlimit limit{};
  if (::getrlimit(RLIMIT_NOFILE, &limit) != 0) return 0;
  limit.rlim_cur = limit.rlim_max;
  ::setrlimit(RLIMIT_NOFILE, &limit);
  ::getrlimit(RLIMIT_NOFILE, &limit);
  return limit.rlim_cur;
}

}  // namespace anabranch::proxy
