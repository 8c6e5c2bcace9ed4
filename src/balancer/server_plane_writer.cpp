// SPDX-License-Identifier: MIT
#include "balancer/server_plane_writer.hpp"

#include <algorithm>
#include <cstring>
#include <utility>
#include <vector>

#include <time.h>

#include "base/log.hpp"

namespace anabranch::balancer {
namespace {

/// Seconds as the kernel's program has them: also while the machine is suspended.
std::uint32_t seconds_since_start() {
  timespec now{};
  ::clock_gettime(CLOCK_BOOTTIME, &now);
  return static_cast<std::uint32_t>(now.tv_sec);
}

bool same(const ::steer_server& a, const ::steer_server& b) {
  return std::memcmp(&a, &b, sizeof a) == 0;
}

}  // namespace

std::filesystem::path server_pins(const BalancerSettings& settings) {
  auto out = settings.pins;
  out += "-server";
  return out;
}

Result<ServerPlaneWriter> ServerPlaneWriter::open(const BalancerSettings& settings) {
  auto pins = server_pins(settings);
  auto plane = kernel::BalancerServerPlane::open({.pins = pins});
  if (!plane) return std::unexpected(plane.error());
  auto finder = NextHopFinder::open();
  if (!finder) return std::unexpected(finder.error());
  return ServerPlaneWriter(*std::move(plane), *std::move(finder), std::move(pins));
}

Result<void> ServerPlaneWriter::configure(const BalancerSettings& settings, const Server& server) {
  const auto former = std::exchange(numbers_, number_services(settings.vips, numbers_));
  settings_ = settings;
  server_ = server;
  for (const auto& [service, number] : former) {
    if (numbers_.contains(service)) continue;
    histories_.erase(service);
    ANABRANCH_TRY(plane_.clear_history(number));
  }
  const auto contents = plan_server_plane(settings_, server_, numbers_, {});
  ANABRANCH_TRY(plane_.set_sources(contents.sources));
  const std::vector<kernel::BalancerServerPlane::Target> targets(contents.targets.begin(),
                                                                 contents.targets.end());
  ANABRANCH_TRY(plane_.set_targets(targets));
  return plane_.set_own(contents.own);
}

Result<void> ServerPlaneWriter::look(const std::set<unsigned>& interfaces) {
  const auto next_hops = finder_.find(settings_.servers);
  if (!next_hops) return std::unexpected(next_hops.error());
  ANABRANCH_TRY(write_others(plan_others(settings_, server_, *next_hops)));
  for (const auto interface : interfaces) {
    if (attached_.contains(interface)) continue;
    ANABRANCH_TRY(plane_.attach(interface));
    attached_.insert(interface);
    log::info("the program of a server is attached to interface {}", interface);
  }
  for (auto attached = attached_.begin(); attached != attached_.end();) {
    if (interfaces.contains(*attached)) {
      ++attached;
      continue;
    }
    // It may be gone altogether.
    static_cast<void>(kernel::BalancerServerPlane::detach(*attached, pins_));
    attached = attached_.erase(attached);
  }
  return {};
}

Result<void> ServerPlaneWriter::write_others(std::map<std::uint32_t, ::steer_server> others) {
  for (const auto& [id, former] : others_)
    if (!others.contains(id)) ANABRANCH_TRY(plane_.set_server(id, ::steer_server{}));
  for (const auto& [id, other] : others)
    if (const auto former = others_.find(id);
        former == others_.end() || !same(former->second, other))
      ANABRANCH_TRY(plane_.set_server(id, other));
  others_ = std::move(others);
  return {};
}

Result<void> ServerPlaneWriter::take(const wire::ControlHistory& told) {
  const auto number = numbers_.find(told.service);
  if (number == numbers_.end()) return {};
  auto& history = histories_.try_emplace(told.service, server_.id).first->second;
  history.take(told, seconds_since_start());
  std::vector<::steer_place> places;
  places.reserve(history.places().size());
  for (const auto& place : history.places())
    places.push_back({.owner = place.owner, .previous = place.previous, .changed = place.changed});
  return plane_.set_history(number->second, places);
}

std::size_t ServerPlaneWriter::places_from_others(const Endpoint& service) const {
  const auto found = histories_.find(service);
  if (found == histories_.end()) return 0;
  return static_cast<std::size_t>(
      std::ranges::count_if(found->second.places(), [this](const ToldHistory::Place& place) {
        return place.owner == server_.id && place.previous != 0;
      }));
}

Result<void> ServerPlaneWriter::clean_up(const BalancerSettings& settings) {
  const auto pins = server_pins(settings);
  auto netlink = kernel::Rtnetlink::open();
  if (!netlink) return std::unexpected(netlink.error());
  const auto links = netlink->links();
  if (!links) return std::unexpected(links.error());
  for (const auto& link : *links)
    ANABRANCH_TRY(kernel::BalancerServerPlane::detach(link.index, pins));
  return kernel::BalancerServerPlane::forget(pins);
}

}  // namespace anabranch::balancer
