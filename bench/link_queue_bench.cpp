// SPDX-License-Identifier: MIT
// Cost of the link model alone: one frame offered and taken out again, with 50 ms of queue ahead of
// it.
#include <benchmark/benchmark.h>

#include "lab/link_queue.hpp"

namespace {

using namespace anabranch;

void offer_and_pop(benchmark::State& state) {
  const BitRate rate = BitRate::mbit(static_cast<double>(state.range(0)));
  lab::LinkQueue queue({.rate = rate, .delay = milliseconds(10), .queue = milliseconds(50)}, 1);
  MonotonicTime now{};
  const nanoseconds gap = rate.time_for(lab::LinkQueue::kFullFrame);
  for (auto _ : state) {
    now += gap;
    benchmark::DoNotOptimize(queue.offer(now, 1, lab::LinkQueue::kFullFrame));
    queue.pop(queue.due_count(now, 64));
  }
  state.SetItemsProcessed(state.iterations());
}
BENCHMARK(offer_and_pop)->Arg(20)->Arg(500);

}  // namespace
