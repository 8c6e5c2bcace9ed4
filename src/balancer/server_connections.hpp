// SPDX-License-Identifier: MIT
// The MPTCP connections to the services that live on this server, by token (RFC 8684 section 3.2),
// and what has changed since the balancers were last told. Pure: the kernel's events come in.
#pragma once

#include <cstdint>
#include <map>
#include <span>
#include <unordered_map>
#include <unordered_set>
#include <vector>

#include "base/endpoint.hpp"
#include "kernel/mptcp_events.hpp"
#include "kernel/socket_diag.hpp"

namespace anabranch::balancer {

class ServerConnections {
 public:
  /// More are not remembered: 64 octets each, about.
  static constexpr std::size_t kMost = 1'000'000;

  explicit ServerConnections(std::size_t most = kMost) : most_(most) {}

  /// Whose connections count from now on; replace() is to be called next.
  void serve(std::span<const Endpoint> services);
  /// Begun or ended.
  void take(const kernel::MptcpEvent& event);
  /// All that there are: at the start, and when events were lost.
  void replace(std::span<const kernel::ConnectionInfo> connections);

  /// Whether the event is of a connection to a service.
  bool concerns(const kernel::MptcpEvent& event) const;

  struct Changes {
    std::vector<std::uint32_t> learned;
    std::vector<std::uint32_t> gone;
    bool empty() const { return learned.empty() && gone.empty(); }
  };
  /// Since the last call. What came and went meanwhile is in neither.
  Changes changes();

  std::size_t count() const { return live_.size(); }
  std::size_t count(const Endpoint& service) const;
  /// Every token.
  std::vector<std::uint32_t> tokens() const;
  /// Connections that were not remembered since there were `most`.
  std::uint64_t left_out() const { return left_out_; }

 private:
  using Place = std::uint32_t;  ///< of a service
  void learn(std::uint32_t token, Place service);
  void forget(std::uint32_t token);

  std::size_t most_;
  std::map<Endpoint, Place> services_;
  std::vector<std::size_t> counts_;  ///< by place
  std::unordered_map<std::uint32_t, Place> live_;
  std::unordered_set<std::uint32_t> learned_;
  std::unordered_set<std::uint32_t> gone_;
  std::uint64_t left_out_ = 0;
};

}  // namespace anabranch::balancer
