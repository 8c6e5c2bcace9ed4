// SPDX-License-Identifier: MIT
#include "proxy/server_syn.hpp"

#include <algorithm>
#include <optional>

#include "kernel/mptcp_socket.hpp"
#include "kernel/stream_socket.hpp"
#include "kernel/sysctl.hpp"
#include "kernel/tcp_metrics.hpp"
#include "proxy/fast_open.hpp"

namespace anabranch::proxy {

namespace kind = wire::tcp_kind;

std::vector<std::uint8_t> supported_options() {
  std::vector<std::uint8_t> out;
  const auto on = [](const char* key) { return kernel::read_sysctl(key).value_or("0") != "0"; };
  if (on("net/ipv4/tcp_sack")) out.push_back(kind::kSackPermitted);
  if (on("net/ipv4/tcp_timestamps")) out.push_back(kind::kTimestamps);
  if (kernel::mptcp_available()) out.push_back(kind::kMptcp);
  if (FastOpen::is_on(FastOpen::kClient)) out.push_back(kind::kFastOpen);
  return out;
}

bool asks_for(const std::vector<signalling::TcpOption>& options, std::uint8_t wanted) {
  return std::ranges::find(options, wanted, &signalling::TcpOption::kind) != options.end();
}

std::vector<std::uint8_t> refused_contents(const std::vector<signalling::TcpOption>& options,
                                           const IpAddress& server) {
  const auto cookie = std::ranges::find(options, kind::kFastOpen, &signalling::TcpOption::kind);
  if (cookie == options.end() || cookie->value.empty()) return {};
  const auto known = kernel::fast_open_cookie(std::nullopt, server);
  if (known && *known == cookie->value) return {};
  return {kind::kFastOpen};
}

std::vector<signalling::TcpOption> answered_options(int fd, bool mptcp,
                                                    const std::vector<signalling::TcpOption>& asked,
                                                    const IpAddress& server) {
  std::vector<signalling::TcpOption> out;
  if (mptcp) out.push_back({.kind = kind::kMptcp});
  if (asked.empty()) return out;
  if (kernel::stream_state(fd).sack) out.push_back({.kind = kind::kSackPermitted});
  if (!asks_for(asked, kind::kFastOpen)) return out;
  const auto own = kernel::own_endpoint(fd);
  auto cookie = kernel::fast_open_cookie(own ? std::optional(own->address) : std::nullopt, server);
  if (cookie && !cookie->empty())
    out.push_back({.kind = kind::kFastOpen, .value = *std::move(cookie)});
  return out;
}

}  // namespace anabranch::proxy
