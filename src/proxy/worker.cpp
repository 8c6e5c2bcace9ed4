// SPDX-License-Identifier: MIT
#include "proxy/worker.hpp"

#include <algorithm>
#include <iterator>

#include <sched.h>
#include <sys/resource.h>

namespace anabranch::proxy {

void add(relay::RelayCounts& sum, const relay::RelayCounts& one) {
  sum.running += one.running;
  sum.octets_to_server += one.octets_to_server;
  sum.octets_to_client += one.octets_to_client;
  sum.spliced += one.spliced;
  sum.copied += one.copied;
  sum.held += one.held;
  sum.buffered += one.buffered;
  sum.pipes += one.pipes;
  for (std::size_t i = 0; i < std::size(sum.ended); ++i) sum.ended[i] += one.ended[i];
}

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
