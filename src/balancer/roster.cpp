// SPDX-License-Identifier: MIT
#include "balancer/roster.hpp"

#include <algorithm>

#include "base/log.hpp"

namespace anabranch::balancer {

Result<void> Roster::follow(const BalancerSettings& settings) {
  ANABRANCH_TRY(checks_.follow(settings));
  drained_.keep_only(settings.servers);
  return {};
}

Result<void> Roster::drain(const BalancerSettings& settings, const std::string& server,
                           bool drained) {
  if (std::ranges::find(settings.servers, server, &Server::name) == settings.servers.end())
    return fail("there is no server '" + server + "'", {}, "'anabranch balancer show' names them",
                ExitCode::kBadInput);
  ANABRANCH_TRY(drained_.set(server, drained));
  log::info("{} is {}", server,
            drained ? "drained: it gets no new connections and keeps those that it has"
                    : "no longer drained");
  return {};
}

const Weights& Roster::weigh(const BalancerSettings& settings, MonotonicTime now) {
  auto fresh = weigher_.weigh(settings, checks_.states(), drained_.names(), now);
  for (const auto& [address, service] : fresh.services) {
    const auto former = weights_.services.find(address);
    const bool was = former != weights_.services.end() && former->second.panic;
    if (service.panic && !was)
      log::error("all servers of {} are down: all of them get connections, as if they were up",
                 address.text());
    else if (was && !service.panic && !service.ring.empty())
      log::info("{} has a server that is up again", address.text());
  }
  weights_ = std::move(fresh);
  return weights_;
}

}  // namespace anabranch::balancer
