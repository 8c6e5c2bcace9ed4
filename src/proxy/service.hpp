// SPDX-License-Identifier: MIT
// Something that a role does on every worker thread: a Plane on each, and the sockets the planes
// listen on. A worker that gets no new connections any more keeps its plane until the last
// connection there is over.
//
// A Plane has `doors`, counts() and running(). Used from the main thread only, but what is said of
// callbacks.
#pragma once

#include <algorithm>
#include <cstdint>
#include <functional>
#include <memory>
#include <utility>
#include <vector>

#include "base/result.hpp"
#include "proxy/listening.hpp"
#include "proxy/worker.hpp"

namespace anabranch::proxy {

template <class Plane>
class Service {
 public:
  using Counts = decltype(std::declval<const Plane&>().counts());
  /// Called on the thread. `first`: there is one plane of which this is true.
  using Make = std::function<std::unique_ptr<Plane>(relay::Reactor&, bool first)>;

  explicit Service(Make make) : make_(std::move(make)) {}
  ~Service() { end(); }
  Service(const Service&) = delete;
  Service& operator=(const Service&) = delete;

  /// What listen() will need besides what is there; changes nothing.
  Result<std::vector<Listener>> open_missing(const ListeningPlan& plan, std::size_t workers) const {
    return proxy::open_missing(plan, workers, listening_);
  }

  /// Listens as planned on these workers and on nothing else. `missing`: of open_missing().
  void listen(const ListeningPlan& plan, const Workers& workers, std::vector<Listener> missing) {
    auto all = std::move(missing);
    each([&](Plane& plane) { std::ranges::move(plane.doors.give_up(), std::back_inserter(all)); });
    auto shares = deal_out(std::move(all), plan, workers.size());
    listening_.clear();
    for (std::size_t i = 0; i < workers.size(); ++i) {
      for (const auto& listener : shares[i]) listening_.push_back(listener.endpoint);
      auto& part = part_on(workers[i]);
      workers[i]->ask([&](relay::Reactor&) { part.plane->doors.open(std::move(shares[i])); });
    }
  }

  /// Nobody new.
  void close() {
    each([](Plane& plane) { plane.doors.close(); });
    listening_.clear();
  }

  /// Ends every connection.
  void end() {
    for (auto& part : parts_) gone_ += part.end();
    parts_.clear();
    listening_.clear();
  }

  /// Calls back on each thread, one after the other.
  void each(const std::function<void(Plane&)>& callback) const {
    for (const auto& part : parts_)
      part.worker->ask([&](relay::Reactor&) { callback(*part.plane); });
  }

  Counts counts() const {
    auto out = gone_;
    each([&](Plane& plane) { out += plane.counts(); });
    return out;
  }

  std::uint64_t running() const {
    std::uint64_t out = 0;
    each([&](Plane& plane) { out += plane.running(); });
    return out;
  }

  /// Lets go of workers that are not among these and have no connection of ours. True: there are
  /// others that still have.
  bool leave_idle(const Workers& workers) {
    bool left = false;
    std::erase_if(parts_, [&](Part& part) {
      if (std::ranges::find(workers, part.worker) != workers.end()) return false;
      std::uint64_t running = 0;
      part.worker->ask([&](relay::Reactor&) { running = part.plane->running(); });
      if (running != 0) {
        left = true;
        return false;
      }
      gone_ += part.end();
      return true;
    });
    return left;
  }

 private:
  struct Part {
    std::shared_ptr<const Worker> worker;
    std::unique_ptr<Plane> plane;

    Counts end() {
      Counts out;
      worker->ask([&](relay::Reactor&) {
        out = plane->counts();
        plane.reset();
      });
      return out;
    }
  };

  Part& part_on(const std::shared_ptr<const Worker>& worker) {
    const auto found = std::ranges::find(parts_, worker, &Part::worker);
    if (found != parts_.end()) return *found;
    const bool first = parts_.empty();
    auto& part = parts_.emplace_back(Part{worker, nullptr});
    worker->ask([&](relay::Reactor& reactor) { part.plane = make_(reactor, first); });
    return part;
  }

  Make make_;
  std::vector<Part> parts_;
  std::vector<Endpoint> listening_;  ///< for each socket
  Counts gone_;                      ///< of planes that are no more
};

}  // namespace anabranch::proxy
