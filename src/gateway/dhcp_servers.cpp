// SPDX-License-Identifier: MIT
#include "gateway/dhcp_servers.hpp"

#include <chrono>
#include <utility>

#include "base/log.hpp"
#include "gateway/kea6_config.hpp"
#include "gateway/kea_config.hpp"

namespace anabranch::gateway {
namespace {

bool serves(const Settings& settings, Family family) {
  return (family == Family::kIpv4 ? settings.dhcp.mode : settings.dhcp6.mode) == DhcpMode::kKea;
}

}  // namespace

DhcpServers::DhcpServers(Loop& loop, Callbacks callbacks)
    : loop_(loop),
      callbacks_(std::move(callbacks)),
      kea_(
          loop, Family::kIpv4,
          [this] {
            pools_.on_state(kea_.state());
            leases_.on_state(kea_.state());
            callbacks_.changed();
          },
          [this](const KeaLine& line) { leases_.on_line(line); }),
      kea6_(
          loop, Family::kIpv6,
          [this] {
            pools6_.on_state(kea6_.state());
            callbacks_.changed();
          },
          [this](const KeaLine& line) { hear6(line); }),
      pools_(loop, kea_, Family::kIpv4, [this] { callbacks_.counted(); }),
      pools6_(loop, kea6_, Family::kIpv6, [this] { callbacks_.counted(); }),
      leases_(loop, kea_, pools_, [this] { callbacks_.outdated(); }) {}

Result<void> DhcpServers::installed(const Settings& settings) {
  for (const Family family : {Family::kIpv4, Family::kIpv6})
    if (serves(settings, family)) ANABRANCH_TRY(Kea::installed(family));
  return {};
}

void DhcpServers::tell(const Settings& settings, const Plan& plan,
                       const std::set<unsigned>& withheld) {
  const bool serves4 = serves(settings, Family::kIpv4);
  const bool serves6 = serves(settings, Family::kIpv6);
  if (!serves4) kea_.stop();
  if (!serves6) kea6_.stop();
  if (!plan.lan_problem.empty()) return;  // Kea opens its sockets on an interface that is ready
  KeaRefusals refusals{withheld, {}};
  pools_.use(settings);
  pools6_.use(settings);
  if (serves6 && plan.dhcp6_problem.empty())
    tell(kea6_, told6_, kea6_config(settings, refusals, own_kea6_places(settings)),
         plan.lan_ifindex);
  if (!serves4) return;
  const KeaPlaces places = own_kea_places(settings);
  leases_.use(settings, !places.lease_commands.empty());
  if (places.lease_commands.empty() && settings.dhcp.leases_per_mac != 0 &&
      !std::exchange(limit_lacking_, true))
    log::warning(
        "dhcp.leases_per_mac cannot be held: this Kea has no hook library libdhcp_lease_cmds.so");
  refusals.held_back = leases_.held_back();
  tell(kea_, told_, kea_config(settings, refusals, places), plan.lan_ifindex);
}

void DhcpServers::tell(Kea& kea, Told& told, std::string config, unsigned ifindex) {
  const bool stopped = kea.state() == Kea::State::kStopped;
  const bool other_interface = std::exchange(told.ifindex, ifindex) != ifindex;
  if (config != told.config || stopped) {
    told.config = config;
    kea.want(std::move(config));
  }
  if (other_interface && !stopped) kea.restart();
}

void DhcpServers::stop() {
  kea_.stop();
  kea6_.stop();
}

void DhcpServers::follow_delegations(const Settings& settings) {
  if (!serves(settings, Family::kIpv6) || settings.dhcp.lease_database.type != "memfile") {
    journal6_.reset();
    return delegations_.clear();
  }
  if (journal6_) return;
  auto journal = LeaseJournal::open(
      loop_, kea_lease_file(Family::kIpv6), LeaseJournal::Begin::kWhole,
      [this](std::string_view line) {
        pools6_.ask_in(PoolMeter::kAfterLease);
        const auto lease = journal_lease6(line);
        const auto now = std::chrono::system_clock::now().time_since_epoch();
        if (lease && delegations_.note(*lease, std::chrono::duration_cast<seconds>(now)))
          callbacks_.redelegated();
      });
  if (journal)
    journal6_ = *std::move(journal);
  else  // Kea makes the folder.
    log::debug("delegated prefixes are not routed yet: {}", journal.error().text());
}

/// With leases in a database there is no journal that tells of new ones.
void DhcpServers::hear6(const KeaLine& line) {
  if (tells_of_lease6(line)) pools6_.ask_in(PoolMeter::kAfterLease);
  // One of the several lines that Kea writes of it.
  if (!tells_of_no_address(line) || !line.message_id.ends_with("_SHARED_NETWORK") ||
      tells_of_no_path(line))
    return;
  ++refused6_;
  pools6_.ask_in(PoolMeter::kAfterRefusal);
}

void DhcpServers::refresh() {
  pools_.refresh();
  pools6_.refresh();
}

bool DhcpServers::running(const Settings& settings) const {
  for (const Family family : {Family::kIpv4, Family::kIpv6})
    if (const Kea* kea = server(settings, family); kea && kea->state() != Kea::State::kRunning)
      return false;
  return true;
}

const Kea* DhcpServers::server(const Settings& settings, Family family) const {
  if (!serves(settings, family)) return nullptr;
  return family == Family::kIpv4 ? &kea_ : &kea6_;
}

DhcpReport DhcpServers::report(const Settings& settings) const {
  const auto state = [&](Family family, const Kea& kea, DhcpMode mode) {
    return serves(settings, family) ? kea_state_name(kea.state()) : dhcp_mode_name(mode);
  };
  return {.state = state(Family::kIpv4, kea_, settings.dhcp.mode),
          .pid = kea_.pid(),
          .pools = pools_.addresses(),
          .held_back = leases_.held_back(),
          .refused = leases_.refused(),
          .state6 = state(Family::kIpv6, kea6_, settings.dhcp6.mode),
          .pid6 = kea6_.pid(),
          .pools6 = pools6_.addresses(),
          .prefixes6 = pools6_.prefixes(),
          .refused6 = refused6_};
}

}  // namespace anabranch::gateway
