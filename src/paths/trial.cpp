// SPDX-License-Identifier: MIT
#include "paths/trial.hpp"

#include <algorithm>
#include <cerrno>
#include <cstring>

#include <netinet/in.h>
#include <poll.h>
#include <sys/socket.h>

#include "base/fd.hpp"
#include "kernel/mptcp_events.hpp"
#include "kernel/mptcp_socket.hpp"

namespace anabranch::paths {
namespace {

using kernel::Transport;

/// An ADD_ADDR comes right after the handshake; so long we listen for one.
constexpr milliseconds kAnnouncementPatience{300};

/// One connection that was begun.
struct Attempt {
  UniqueFd fd;
  Endpoint local;
  Transport transport{};
  Trial::End end = Trial::End::kFailed;
  std::string why;
  bool open = false;  ///< no answer yet
};

Trial::End end_of_error(int error) {
  switch (error) {
    case 0:
      return Trial::End::kMptcp;
    case ECONNREFUSED:
    case ECONNRESET:
      return Trial::End::kRefused;
    case ETIMEDOUT:
    case EINPROGRESS:
      return Trial::End::kSilent;
    default:
      return Trial::End::kFailed;
  }
}

void settle(Attempt& attempt, int error) {
  attempt.open = false;
  attempt.end = end_of_error(error);
  if (attempt.end == Trial::End::kFailed) attempt.why = std::strerror(error);
  if (error == 0 && (attempt.transport == Transport::kTcp || !kernel::is_mptcp(attempt.fd.get())))
    attempt.end = Trial::End::kTcp;
}

Endpoint name_of(int fd) {
  sockaddr_storage own{};
  socklen_t length = sizeof own;
  if (::getsockname(fd, reinterpret_cast<sockaddr*>(&own), &length) != 0) return {};
  const auto address = IpAddress::from_sockaddr(own);
  // The port is at the same place in sockaddr_in and sockaddr_in6.
  return {address.value_or(IpAddress()), ntohs(reinterpret_cast<const sockaddr_in&>(own).sin_port)};
}

Attempt begin(const TrialPlan& plan, Transport transport) {
  Attempt out;
  out.transport = transport;
  auto fd = kernel::open_stream_socket(plan.local.family(), transport);
  if (!fd) {
    out.why = fd.error().what;
    return out;
  }
  out.fd = *std::move(fd);
  sockaddr_storage local{};
  sockaddr_storage remote{};
  const auto local_length = plan.local.to_sockaddr(0, local);
  const auto remote_length = plan.remote.address.to_sockaddr(plan.remote.port, remote);
  const bool bound = (plan.interface.empty() ||
                      ::setsockopt(out.fd.get(), SOL_SOCKET, SO_BINDTODEVICE, plan.interface.data(),
                                   static_cast<socklen_t>(plan.interface.size())) == 0) &&
                     ::bind(out.fd.get(), reinterpret_cast<sockaddr*>(&local), local_length) == 0;
  if (!bound) {
    out.why = std::strerror(errno);
    return out;
  }
  if (::connect(out.fd.get(), reinterpret_cast<sockaddr*>(&remote), remote_length) == 0)
    settle(out, 0);
  else if (errno == EINPROGRESS)
    out.open = true;
  else
    settle(out, errno);
  out.local = name_of(out.fd.get());
  return out;
}

/// Until each has an answer or `deadline` is there.
void wait_for(std::vector<Attempt>& attempts, MonotonicTime deadline) {
  while (true) {
    std::vector<pollfd> waiting;
    std::vector<Attempt*> owners;
    for (auto& attempt : attempts)
      if (attempt.open) {
        waiting.push_back({attempt.fd.get(), POLLOUT, 0});
        owners.push_back(&attempt);
      }
    const auto left = std::chrono::ceil<milliseconds>(deadline - MonotonicClock::now());
    if (waiting.empty() || left.count() <= 0) break;
    ::poll(waiting.data(), waiting.size(), static_cast<int>(left.count()));
    for (std::size_t i = 0; i < waiting.size(); ++i) {
      if (waiting[i].revents == 0) continue;
      int error = 0;
      socklen_t length = sizeof error;
      ::getsockopt(waiting[i].fd, SOL_SOCKET, SO_ERROR, &error, &length);
      settle(*owners[i], error);
    }
  }
  for (auto& attempt : attempts)
    if (attempt.open) settle(attempt, ETIMEDOUT);
}

/// What the kernel said of the attempts: the C flag, announced addresses.
void read_events(kernel::MptcpEventMonitor& monitor, const std::vector<Attempt>& attempts,
                 std::vector<Token>& ours, TrialOutcome& out) {
  using Type = kernel::MptcpEvent::Type;
  monitor.drain([&](const kernel::MptcpEvent& event) {
    for (std::size_t i = 0; i < attempts.size(); ++i) {
      if (attempts[i].local != event.local) continue;
      ours.push_back(event.token);
      if (event.deny_join_id0) out.trials[i / 2].deny_join_id0 = true;
    }
    const bool known = std::ranges::find(ours, event.token) != ours.end();
    if (event.type != Type::kAnnounced || !known) return;
    const PeerAddress found{event.remote_id, event.remote, true};
    if (std::ranges::none_of(out.announced, [&](const PeerAddress& other) {
          return other.endpoint == found.endpoint;
        }))
      out.announced.push_back(found);
  });
}

}  // namespace

TrialOutcome try_paths(std::span<const TrialPlan> plans, nanoseconds patience) {
  // Without CAP_NET_ADMIN there are no events; the rest is found all the same.
  auto monitor = kernel::MptcpEventMonitor::open();
  std::vector<Attempt> attempts;
  attempts.reserve(plans.size() * 2);
  for (const auto& plan : plans)
    for (const auto transport : {Transport::kMptcp, Transport::kTcp})
      attempts.push_back(begin(plan, transport));
  wait_for(attempts, MonotonicClock::now() + patience);
  TrialOutcome out;
  for (std::size_t i = 0; i < plans.size(); ++i)
    out.trials.push_back(
        {attempts[2 * i].end, attempts[2 * i + 1].end, false, attempts[2 * i].why});
  const bool any = std::ranges::any_of(
      out.trials, [](const Trial& trial) { return trial.mptcp == Trial::End::kMptcp; });
  if (!any || !monitor) return out;
  const auto deadline = MonotonicClock::now() + kAnnouncementPatience;
  std::vector<Token> ours;
  while (true) {
    const auto left = std::chrono::ceil<milliseconds>(deadline - MonotonicClock::now());
    if (left.count() <= 0) break;
    pollfd waiting{monitor->fd(), POLLIN, 0};
    if (::poll(&waiting, 1, static_cast<int>(left.count())) > 0)
      read_events(*monitor, attempts, ours, out);
  }
  return out;
}

std::optional<bool> mptcp_is_blackholed() {
  const auto listener = kernel::open_stream_socket(Family::kIpv4, Transport::kMptcp);
  const auto client = kernel::open_stream_socket(Family::kIpv4, Transport::kMptcp);
  if (!listener || !client) return std::nullopt;
  sockaddr_storage address{};
  auto length = IpAddress::v4(INADDR_LOOPBACK).to_sockaddr(0, address);
  auto* generic = reinterpret_cast<sockaddr*>(&address);
  if (::bind(listener->get(), generic, length) != 0 || ::listen(listener->get(), 1) != 0 ||
      ::getsockname(listener->get(), generic, &length) != 0)
    return std::nullopt;
  if (::connect(client->get(), generic, length) != 0) {
    pollfd waiting{client->get(), POLLOUT, 0};
    int error = errno;
    if (error != EINPROGRESS || ::poll(&waiting, 1, 1000) <= 0) return std::nullopt;
    socklen_t size = sizeof error;
    ::getsockopt(client->get(), SOL_SOCKET, SO_ERROR, &error, &size);
    if (error != 0) return std::nullopt;
  }
  return !kernel::is_mptcp(client->get());
}

}  // namespace anabranch::paths
