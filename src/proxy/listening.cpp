// SPDX-License-Identifier: MIT
#include "proxy/listening.hpp"

#include <algorithm>
#include <utility>

#include "base/log.hpp"
#include "kernel/mptcp_socket.hpp"

namespace anabranch::proxy {

Result<std::vector<Listener>> open_missing(const ListeningPlan& plan, std::size_t workers,
                                           const std::vector<Endpoint>& there) {
  std::vector<Listener> out;
  for (const auto& endpoint : plan.endpoints)
    for (auto open = static_cast<std::size_t>(std::ranges::count(there, endpoint)); open < workers;
         ++open) {
      auto fd = kernel::listen_on(endpoint, plan.options);
      if (!fd) return std::unexpected(fd.error());
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
