// SPDX-License-Identifier: MIT
#include "proxy/listening.hpp"

#include <algorithm>
#include <utility>

#include "base/log.hpp"
#include "kernel/mptcp_socket.hpp"

namespace anabranch::proxy {

Result<void> congestion_control_there(const std::string& name) {
  const auto fd = kernel::open_stream_socket(Family::kIpv4, kernel::Transport::kTcp);
  if (!fd) return std::unexpected(fd.error());
  return kernel::set_congestion_control(fd->get(), name);
}

Result<Listener> listen_on_loopback(Family family, const kernel::ListenerOptions& options) {
  Endpoint endpoint{IpAddress::parse(family == Family::kIpv4 ? "127.0.0.1" : "::1").value(), 0};
  auto fd = kernel::listen_on(endpoint, options);
  if (!fd) return std::unexpected(fd.error());
  endpoint.port = kernel::own_endpoint(fd->get()).value_or(Endpoint()).port;
  return Listener{endpoint, *std::move(fd)};
}

Result<std::vector<Listener>> open_missing(const ListeningPlan& plan, std::size_t workers,
                                           const std::vector<Endpoint>& there) {
  std::vector<Listener> out;
  for (const auto& endpoint : plan.endpoints)
    for (auto open = static_cast<std::size_t>(std::ranges::count(there, endpoint)); open < workers;
         ++open) {
      auto fd = kernel::listen_on(endpoint, plan.options);
      if (!fd) {
        auto& error = fd.error();
        if (error.hint.empty())
          error.hint = error.code == ExitCode::kNotPermitted
                           ? "ports below net.ipv4.ip_unprivileged_port_start need "
                             "CAP_NET_BIND_SERVICE"
                           : "an address of this machine, and a port that no other "
                             "program has";
        return std::unexpected(error);
      }
      out.push_back({endpoint, *std::move(fd)});
    }
  return out;
}

std::vector<std::vector<Listener>> deal_out(std::vector<Listener> listeners,
                                            const ListeningPlan& plan, std::size_t workers) {
  std::vector<std::vector<Listener>> out(workers);
  for (const auto& endpoint : plan.endpoints) {
    std::size_t next = 0;
    for (auto& listener : listeners) {
      if (!listener.fd || listener.endpoint != endpoint) continue;
      if (const auto set =
              kernel::set_congestion_control(listener.fd.get(), plan.options.congestion);
          !set)
        log::warning("{} stays with its congestion control: {}", endpoint.text(),
                     set.error().text());
      out[next++ % workers].push_back(std::move(listener));
    }
  }
  return out;
}

}  // namespace anabranch::proxy
