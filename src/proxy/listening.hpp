// SPDX-License-Identifier: MIT
// Which sockets a service listens on: one for each endpoint and worker, so that the kernel spreads
// connections over the workers (SO_REUSEPORT). When the number of workers or the endpoints change,
// sockets that stay are dealt out anew and never closed: who waits at one of them is let in by
// another worker.
#pragma once

#include <cstddef>
#include <string>
#include <vector>

#include "base/endpoint.hpp"
#include "base/result.hpp"
#include "kernel/stream_socket.hpp"
#include "proxy/door.hpp"

namespace anabranch::proxy {

struct ListeningPlan {
  std::vector<Endpoint> endpoints;
  kernel::ListenerOptions options;
};

/// An error when the kernel does not have this congestion control, or not for us.
Result<void> congestion_control_there(const std::string& name);

/// A listener on loopback, at a port of the kernel's choice, which is in its endpoint: for what nft
/// leads there.
Result<Listener> listen_on_loopback(Family family, const kernel::ListenerOptions& options);

/// The sockets that are missing where there is one at each of `there`. Errors name the endpoint;
/// then nothing is listened on.
Result<std::vector<Listener>> open_missing(const ListeningPlan& plan, std::size_t workers,
                                           const std::vector<Endpoint>& there);

/// For each worker its share of `listeners`, as even as can be for each endpoint. What the plan
/// does not have is closed; the others get the congestion control of the plan.
std::vector<std::vector<Listener>> deal_out(std::vector<Listener> listeners,
                                            const ListeningPlan& plan, std::size_t workers);

}  // namespace anabranch::proxy
