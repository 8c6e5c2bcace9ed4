// SPDX-License-Identifier: MIT
#include "gateway/health_monitor.hpp"

#include <algorithm>
#include <array>
#include <set>
#include <utility>

#include "base/log.hpp"
#include "gateway/probe_routes.hpp"
#include "gateway/uplink_health.hpp"
#include "probe/reach_prober.hpp"

namespace anabranch::gateway {
namespace {

/// What makes an uplink the one that was watched before.
struct Identity {
  std::string interface;
  std::uint32_t mark = 0;
  std::vector<IpAddress> next_hops;
  Health settings;
  bool operator==(const Identity&) const = default;
  /// It leads to the same place, whoever is asked there.
  bool same_way(const Identity& other) const {
    return interface == other.interface && next_hops == other.next_hops;
  }
};

Identity identity_of(const Uplink& uplink) {
  return {uplink.interface, probe_mark(uplink), next_hops(uplink), uplink.health};
}

probe::ReachTarget target_of(const HealthProbe& probe) {
  using Kind = probe::ReachTarget::Kind;
  constexpr std::array kKinds{Kind::kEcho, Kind::kConnect, Kind::kHttp};
  return {.kind = kKinds.at(static_cast<std::size_t>(probe.kind)),
          .address = probe.address,
          .port = probe.port,
          .path = probe.path,
          .host = probe.host};
}

/// Round and place of a probe in one number.
constexpr unsigned kPlaceBits = 8;

std::uint64_t id_of(unsigned round, std::size_t place) {
  return std::uint64_t{round} << kPlaceBits | place;
}

}  // namespace

struct HealthMonitor::Watch {
  Watch(std::string its_name, Identity its_identity)
      : name(std::move(its_name)),
        identity(std::move(its_identity)),
        judge(identity.settings, identity.next_hops) {}

  std::string name;
  Identity identity;
  HealthJudge judge;
  unsigned ifindex = 0;  ///< 0 while the link cannot carry packets
  std::optional<IpAddress> source_v4;
  std::optional<IpAddress> source_v6;
  MonotonicTime due{};  ///< the next round
  std::optional<probe::ReachProber> prober;
  Loop::Handle timer;
};

HealthMonitor::HealthMonitor(Loop& loop, std::function<void()> changed)
    : loop_(loop), changed_(std::move(changed)) {}
HealthMonitor::~HealthMonitor() = default;

Result<void> HealthMonitor::open() {
  auto neighbours = kernel::Neighbours::open();
  if (!neighbours) return std::unexpected(neighbours.error());
  neighbours_.emplace(*std::move(neighbours));
  neighbour_events_ = loop_.on_readable(neighbours_->fd(), [this] { hear_neighbours(); });
  return {};
}

void HealthMonitor::follow(const Settings& settings, const Observed& observed) {
  std::set<std::string> failed;
  std::erase_if(watches_, [&](const auto& entry) {
    const auto& [name, watch] = entry;
    const auto* uplink = settings.find(name);
    if (uplink == nullptr) return true;
    const auto identity = identity_of(*uplink);
    if (identity == watch->identity) return false;
    if (!watch->judge.works() && identity.same_way(watch->identity)) failed.insert(name);
    return true;
  });
  for (const auto& uplink : settings.uplinks) {
    auto& slot = watches_[uplink.name];
    if (!slot) {
      slot = std::make_unique<Watch>(uplink.name, identity_of(uplink));
      if (failed.contains(uplink.name)) slot->judge.presume_failed();
    }
    Watch& watch = *slot;
    watch.source_v4 = probe_source(settings, uplink, Family::kIpv4, observed);
    watch.source_v6 = probe_source(settings, uplink, Family::kIpv6, observed);
    const auto* link = observed.link(uplink.interface);
    const unsigned ifindex = link != nullptr && link->operational() ? link->index : 0;
    if (std::exchange(watch.ifindex, ifindex) == ifindex) continue;
    watch.timer.reset();
    watch.prober.reset();
    watch.judge.on_link_lost();
    if (ifindex != 0) begin(watch);
  }
}

HealthMonitor::Health HealthMonitor::health() const {
  Health out;
  const auto now = MonotonicClock::now();
  for (const auto& [name, watch] : watches_) out.emplace(name, watch->judge.health(now));
  return out;
}

/// The first round leaves when the caller is done: rules and routes of the probes come from the
/// same pass.
void HealthMonitor::begin(Watch& watch) {
  watch.prober.emplace(loop_, [this, &watch](const probe::Reached& reached) {
    const bool worked = watch.judge.works();
    watch.judge.on_outcome({.probe = static_cast<std::size_t>(reached.id % (1U << kPlaceBits)),
                            .round = static_cast<unsigned>(reached.id >> kPlaceBits),
                            .answered = reached.answered,
                            .rtt = reached.rtt,
                            .why = reached.why},
                           MonotonicClock::now());
    after(watch, worked);
  });
  watch.due = MonotonicClock::now();
  watch.timer = loop_.after({}, [this, &watch] { begin_round(watch); });
}

void HealthMonitor::begin_round(Watch& watch) {
  const auto& settings = watch.identity.settings;
  const auto now = MonotonicClock::now();
  // A loop that was held up sends nothing of what it has missed, and ends no round before its time.
  watch.due = std::max(watch.due + settings.interval, now + settings.timeout);
  watch.timer = loop_.at(watch.due, [this, &watch] { begin_round(watch); });
  const bool worked = watch.judge.works();
  const unsigned round = watch.judge.begin_round(now);
  // First, since a question that is asked anew drops what waits for the answer.
  look_for_next_hops(watch);
  for (std::size_t i = 0; i < settings.probes.size(); ++i) {
    const auto& probe = settings.probes[i];
    watch.prober->ask(id_of(round, i), target_of(probe),
                      {.interface = watch.identity.interface,
                       .mark = watch.identity.mark,
                       .source = probe.address.is_v4() ? watch.source_v4 : watch.source_v6},
                      settings.timeout);
  }
  after(watch, worked);
}

/// Without probes nobody else may ever send anything there. With them the kernel looks by itself,
/// but once a second only while a next hop is missing.
void HealthMonitor::look_for_next_hops(Watch& watch) {
  if (!neighbours_) return;
  for (const auto& next_hop : watch.identity.next_hops) {
    const bool failed = watch.judge.failed(next_hop);
    if (!failed && !watch.identity.settings.probes.empty()) continue;
    const auto state = neighbours_->look(watch.ifindex, next_hop, failed);
    if (!state)
      log::debug("{}", state.error().text());
    else if (*state != kernel::NeighbourState::kUnknown)
      watch.judge.on_next_hop(next_hop, *state == kernel::NeighbourState::kFailed);
  }
}

void HealthMonitor::hear_neighbours() {
  // Events that were lost are made up for by the next look.
  neighbours_->drain(
      [this](unsigned ifindex, const IpAddress& address, kernel::NeighbourState state) {
        if (state == kernel::NeighbourState::kUnknown) return;
        for (auto& [name, watch] : watches_) {
          if (watch->ifindex != ifindex) continue;
          const bool worked = watch->judge.works();
          watch->judge.on_next_hop(address, state == kernel::NeighbourState::kFailed);
          after(*watch, worked);
        }
      });
}

void HealthMonitor::after(Watch& watch, bool worked) {
  if (watch.judge.works() == worked) return;
  log::debug("uplink {} {}", watch.name, worked ? "has ceased to work" : "works again");
  if (!telling_)
    telling_ = loop_.after({}, [this] {
      telling_.reset();
      changed_();
    });
}

}  // namespace anabranch::gateway
