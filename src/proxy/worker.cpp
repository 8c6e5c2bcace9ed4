// SPDX-License-Identifier: MIT
#include "proxy/worker.hpp"

#include <algorithm>
#include <csignal>
#include <future>
#include <iterator>
#include <utility>

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

Result<std::unique_ptr<Worker>> Worker::start() {
  auto reactor = relay::Reactor::create();
  if (!reactor) return std::unexpected(reactor.error());
  std::unique_ptr<Worker> out(new Worker(*std::move(reactor)));
  sigset_t all;
  sigset_t before;
  sigfillset(&all);
  pthread_sigmask(SIG_SETMASK, &all, &before);
  out->thread_ = std::thread([reactor = out->reactor_.get()] { reactor->run(); });
  pthread_sigmask(SIG_SETMASK, &before, nullptr);
  return out;
}

Worker::~Worker() {
  reactor_->stop();
  thread_.join();
}

void Worker::ask(const std::function<void(relay::Reactor&)>& callback) const {
  std::promise<void> done;
  reactor_->post([&] {
    callback(*reactor_);
    done.set_value();
  });
  done.get_future().wait();
}

Result<void> resize(Workers& workers, std::size_t count) {
  if (workers.size() > count) workers.resize(count);
  while (workers.size() < count) {
    auto worker = Worker::start();
    if (!worker) return std::unexpected(worker.error());
    workers.push_back(*std::move(worker));
  }
  return {};
}

}  // namespace anabranch::proxy
