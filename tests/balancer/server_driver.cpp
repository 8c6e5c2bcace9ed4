// SPDX-License-Identifier: MIT
// The data plane of a server behind the balancer without anybody who tells it of changes: for
// tests/scenario/balancer_server.py, which does.
//
//   server_driver BALANCER.TOML NAME INTERFACE PINS
//
// Sets up the server NAME of that file, says "ready", then obeys lines of standard input, each with
// an answer:
//
//   moved BEFORE AFTER    the ring was spread over the servers with these ids ("1,2,3"), and is now
//                         over those: places that have another owner have the former one as the
//                         one before -> places HOW_MANY
//   forget                no place has had another owner -> forgotten
//   counts                -> counts UNWRAPPED STRANGER ... (enum steer_arrival)
//
// What is set up stays when it ends.
#include <chrono>
#include <ctime>
#include <iostream>
#include <sstream>
#include <string>
#include <thread>

#include "balancer/maglev.hpp"
#include "balancer/next_hops.hpp"
#include "balancer/plan.hpp"
#include "kernel/balancer_server_plane.hpp"

using namespace anabranch;
using namespace anabranch::balancer;

namespace {

[[noreturn]] void give_up(const Error& error) {
  std::cerr << error.text() << std::endl;
  std::exit(1);
}

template <class T>
T must(Result<T> result) {
  if (!result) give_up(result.error());
  if constexpr (!std::is_void_v<T>) return std::move(*result);
}

std::uint32_t seconds_since_start() {
  timespec now{};
  ::clock_gettime(CLOCK_BOOTTIME, &now);
  return static_cast<std::uint32_t>(now.tv_sec);
}

const Server& server_named(const BalancerSettings& settings, const std::string& name) {
  for (const auto& server : settings.servers)
    if (server.name == name) return server;
  give_up({.what = "there is no server " + name});
}

::steer_own own_of(const Server& me) {
  ::steer_own out{};
  out.id = me.id;
  for (std::size_t family = 0; family < me.addresses.size(); ++family)
    if (const auto& address = me.addresses.at(family)) {
      const auto destination = destination_of(*address, 0);
      std::ranges::copy(destination.address, out.address[family]);
    }
  return out;
}

/// The other servers, each encapsulated when one of the two is not beside the balancer.
void set_servers(kernel::BalancerServerPlane& plane, BalancerSettings settings, const Server& me) {
  settings.sources = me.addresses;
  for (auto& server : settings.servers) server.encapsulates |= me.encapsulates;
  std::erase_if(settings.servers, [&](const Server& server) { return server.id == me.id; });
  auto finder = must(NextHopFinder::open());
  auto next_hops = must(finder.find(settings.servers));
  while (!NextHopFinder::complete(settings.servers, next_hops)) {
    std::this_thread::sleep_for(std::chrono::milliseconds(20));
    next_hops = must(finder.find(settings.servers));
  }
  for (const auto& [id, server] : plan_servers(settings, next_hops))
    must(plane.set_server(id, server));
}

void set_up(kernel::BalancerServerPlane& plane, const BalancerSettings& settings,
            const Server& me) {
  must(plane.set_own(own_of(me)));
  const auto targets = plan(settings, number_services(settings.vips, {}), {}).targets;
  must(plane.set_targets(
      std::vector<kernel::BalancerServerPlane::Target>(targets.begin(), targets.end())));
  std::vector<IpAddress> sources;
  const auto add = [&](const BothFamilies& addresses) {
    for (const auto& address : addresses)
      if (address) sources.push_back(*address);
  };
  add(settings.sources);
  for (const auto& server : settings.servers) add(server.addresses);
  must(plane.set_sources(sources));
  set_servers(plane, settings, me);
}

std::vector<RingServer> servers_of(const std::string& ids) {
  std::vector<RingServer> out;
  std::istringstream words(ids);
  for (std::string id; std::getline(words, id, ',');)
    out.push_back({static_cast<std::uint16_t>(std::stoi(id))});
  return out;
}

std::string moved(kernel::BalancerServerPlane& plane, std::size_t services,
                  std::istringstream& words) {
  std::string before, after;
  words >> before >> after;
  const auto former = maglev_ring(servers_of(before), STEER_RING_PLACES);
  const auto now = maglev_ring(servers_of(after), STEER_RING_PLACES);
  std::vector<::steer_place> places;
  std::size_t changed = 0;
  for (std::size_t i = 0; i < STEER_RING_PLACES; ++i) {
    const bool is_new = former.at(i) != now.at(i);
    changed += is_new;
    places.push_back({.owner = now.at(i),
                      .previous = is_new ? former.at(i) : std::uint16_t{0},
                      .changed = seconds_since_start()});
  }
  for (std::uint32_t service = 0; service < services; ++service)
    must(plane.set_history(service, places));
  return "places " + std::to_string(changed);
}

std::string obey(kernel::BalancerServerPlane& plane, std::size_t services,
                 const std::string& line) {
  std::istringstream words(line);
  std::string verb;
  words >> verb;
  if (verb == "moved") return moved(plane, services, words);
  if (verb == "forget") {
    for (std::uint32_t service = 0; service < services; ++service)
      must(plane.clear_history(service));
    return "forgotten";
  }
  std::string out = "counts";
  for (const auto packets : must(plane.counts()).packets) out += " " + std::to_string(packets);
  return out;
}

}  // namespace

int main(int, char** arguments) {
  const auto settings = must(load_balancer_settings(arguments[1]));
  const auto& me = server_named(settings, arguments[2]);
  auto plane = must(kernel::BalancerServerPlane::open({.pins = arguments[4]}));
  set_up(plane, settings, me);
  auto netlink = must(kernel::Rtnetlink::open());
  must(plane.attach(must(netlink.link(arguments[3])).index));
  std::cout << "ready" << std::endl;
  for (std::string line; std::getline(std::cin, line);)
    std::cout << obey(plane, settings.vips.size(), line) << std::endl;
  return 0;
}
