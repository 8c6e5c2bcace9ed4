// SPDX-License-Identifier: MIT
#include "gateway/metrics.hpp"

#include <array>

namespace anabranch::gateway {
namespace {

using status::Metric;
using enum status::MetricType;

// A metric is named by its place here.
enum : std::size_t {
  kUp,
  kFailOpen,
  kSent,
  kReceived,
  kStateChanges,
  kStateAge,
  kProbeRtt,
  kProbeLoss,
  kLanReady,
  kChanges,
  kReloads,
  kKeaRunning,
  kKeaRestarts,
  kPoolSize,
  kPoolAssigned,
  kPoolDeclined,
  kPool6Size,
  kPool6Assigned,
  kPool6Declined,
  kPrefixes,
  kPrefixesAssigned,
  kRefused,
  kHeldBack,
  kAdvertised,
  kAdvertisedAge,
  kAdvertisements,
  kAdvertisementsFailed,
  kSolicitations,
  kSolicitationsRefused,
  kKea6Running,
  kKea6Restarts,
  kRefused6,
  kCount,
};

constexpr std::array<status::MetricDefinition, kCount> kDefinitions{{
    {"anabranch_gateway_uplink_up", kGauge, "1 while the uplink carries its hosts itself, else 0."},
    {"anabranch_gateway_uplink_fail_open", kGauge,
     "1 while another uplink carries the hosts of this one, else 0."},
    {"anabranch_gateway_uplink_sent_bytes_total", kCounter,
     "Sent by the uplink's interface, as the kernel counts."},
    {"anabranch_gateway_uplink_received_bytes_total", kCounter,
     "Received by the uplink's interface, as the kernel counts."},
    {"anabranch_gateway_uplink_state_changes_total", kCounter,
     "How often the uplink went down or came back since the gateway began."},
    {"anabranch_gateway_uplink_state_seconds", kGauge,
     "How long the uplink has been up, down or failing open."},
    {"anabranch_gateway_uplink_probe_rtt_seconds", kGauge,
     "Round trip of the last probe that was answered. None before, and without probes."},
    {"anabranch_gateway_uplink_probe_loss_ratio", kGauge,
     "Of the last 100 probes how many were not answered, 0 to 1. Only with probes."},
    {"anabranch_gateway_lan_ready", kGauge, "1 while hosts can be served on the LAN, else 0."},
    {"anabranch_gateway_kernel_changes_total", kCounter,
     "Passes in which the kernel was not as it should be and was set right, the first included."},
    {"anabranch_gateway_reloads_total", kCounter, "Changed files that were taken over."},
    {"anabranch_gateway_kea_running", kGauge,
     "1 while our Kea answers hosts, else 0. Only with mode = \"kea\"."},
    {"anabranch_gateway_kea_restarts_total", kCounter,
     "How often our Kea was started again. Only with mode = \"kea\"."},
    {"anabranch_gateway_pool_addresses", kGauge,
     "Addresses of the path's pool. Only with mode = \"kea\"."},
    {"anabranch_gateway_pool_assigned_addresses", kGauge,
     "Addresses of the path's pool that hosts have, the declined among them."},
    {"anabranch_gateway_pool_declined_addresses", kGauge,
     "Addresses of the path's pool that hosts found in use by someone else."},
    {"anabranch_gateway_pool6_addresses", kGauge,
     "IPv6 addresses of the path's pool. Only with mode = \"kea\" under [dhcp6]."},
    {"anabranch_gateway_pool6_assigned_addresses", kGauge,
     "IPv6 addresses of the path's pool that hosts have, the declined among them."},
    {"anabranch_gateway_pool6_declined_addresses", kGauge,
     "IPv6 addresses of the path's pool that hosts found in use by someone else."},
    {"anabranch_gateway_pool6_prefixes", kGauge,
     "Prefixes that the path has to delegate. Only with mode = \"kea\" under [dhcp6]."},
    {"anabranch_gateway_pool6_assigned_prefixes", kGauge, "Of these, the delegated ones."},
    {"anabranch_gateway_dhcp_refused_total", kCounter,
     "Times that a host got no address for want of one. Only with mode = \"kea\"."},
    {"anabranch_gateway_dhcp_held_back_clients", kGauge,
     "Hardware addresses that have more leases than leases_per_mac and get no further ones."},
    {"anabranch_gateway_uplink_advertised", kGauge,
     "1 while Router Advertisements tell hosts that the path works, 0 while they withdraw it. None "
     "where hosts have been told nothing."},
    {"anabranch_gateway_uplink_advertised_seconds", kGauge, "How long hosts have been told so."},
    {"anabranch_gateway_advertisements_sent_total", kCounter,
     "Router Advertisements that were sent, of all paths."},
    {"anabranch_gateway_advertisements_failed_total", kCounter,
     "Router Advertisements that could not be sent, and were tried again."},
    {"anabranch_gateway_solicitations_total", kCounter,
     "Router Solicitations of hosts on the LAN."},
    {"anabranch_gateway_solicitations_refused_total", kCounter,
     "Messages to routers that were no valid Router Solicitation from the LAN."},
    {"anabranch_gateway_kea6_running", kGauge,
     "1 while our Kea for DHCPv6 answers hosts, else 0. Only with mode = \"kea\" under [dhcp6]."},
    {"anabranch_gateway_kea6_restarts_total", kCounter,
     "How often our Kea for DHCPv6 was started again. Only with mode = \"kea\" under [dhcp6]."},
    {"anabranch_gateway_dhcp6_refused_total", kCounter,
     "Times that a host got no IPv6 address or prefix for want of one. Only with mode = \"kea\" "
     "under [dhcp6]."},
}};

double one_if(bool condition) {
  return condition ? 1 : 0;
}

double in_seconds(nanoseconds time) {
  return std::chrono::duration<double>(time).count();
}

/// What Kea has counted of the path; `add` takes a metric's place and a value.
template <class Add>
void add_pools(const DhcpReport& dhcp, unsigned index, const Add& add) {
  const auto figure = [&](std::size_t what, std::uint64_t value) {
    add(what, static_cast<double>(value));
  };
  if (const auto pool = dhcp.pools.find(index); pool != dhcp.pools.end()) {
    figure(kPoolSize, pool->second.size);
    figure(kPoolAssigned, pool->second.assigned);
    figure(kPoolDeclined, pool->second.declined);
  }
  if (const auto pool = dhcp.pools6.find(index); pool != dhcp.pools6.end()) {
    figure(kPool6Size, pool->second.size);
    figure(kPool6Assigned, pool->second.assigned);
    figure(kPool6Declined, pool->second.declined);
  }
  if (const auto prefixes = dhcp.prefixes6.find(index); prefixes != dhcp.prefixes6.end()) {
    figure(kPrefixes, prefixes->second.size);
    figure(kPrefixesAssigned, prefixes->second.assigned);
  }
}

}  // namespace

std::span<const status::MetricDefinition> metric_definitions() {
  return kDefinitions;
}

std::vector<Metric> metrics(const Settings& settings, const Plan& plan, const Observed& observed,
                            const Counts& counts, const Kea* kea, const Kea* kea6) {
  std::vector<Metric> out;
  for (const auto& path : plan.paths) {
    const auto add = [&](std::size_t what, double value) {
      out.push_back({&kDefinitions[what],
                     {{"uplink", path.name}, {"index", std::to_string(path.index)}},
                     value});
    };
    add(kUp, one_if(path.state == PathState::kUp));
    add(kFailOpen, one_if(path.state == PathState::kFailOpen));
    const auto* uplink = settings.find(path.name);
    // An interface that is not there has no counters: no figure says so better than a zero.
    if (const auto* link = uplink == nullptr ? nullptr : observed.link(uplink->interface)) {
      add(kSent, static_cast<double>(link->sent_octets));
      add(kReceived, static_cast<double>(link->received_octets));
    }
    if (const auto health = observed.health.find(path.name);
        health != observed.health.end() && uplink != nullptr && !uplink->health.probes.empty()) {
      add(kProbeLoss, health->second.loss);
      if (health->second.rtt) add(kProbeRtt, in_seconds(*health->second.rtt));
    }
    add_pools(counts.dhcp, path.index, add);
    if (const auto told = counts.advertiser.told.find(path.index);
        told != counts.advertiser.told.end()) {
      add(kAdvertised, one_if(told->second.works));
      add(kAdvertisedAge, in_seconds(told->second.age));
    }
    if (const auto age = counts.ages.find(path.name); age != counts.ages.end())
      add(kStateAge, in_seconds(age->second));
    const auto changes = counts.state_changes.find(path.name);
    add(kStateChanges,
        changes == counts.state_changes.end() ? 0 : static_cast<double>(changes->second));
  }
  out.push_back({&kDefinitions[kLanReady], {}, one_if(plan.lan_problem.empty())});
  out.push_back({&kDefinitions[kChanges], {}, static_cast<double>(counts.passes_with_changes)});
  out.push_back({&kDefinitions[kReloads], {}, static_cast<double>(counts.reloads)});
  const auto advertiser = [&](std::size_t what, std::uint64_t value) {
    out.push_back({&kDefinitions[what], {}, static_cast<double>(value)});
  };
  advertiser(kAdvertisements, counts.advertiser.counts.sent);
  advertiser(kAdvertisementsFailed, counts.advertiser.counts.failed);
  advertiser(kSolicitations, counts.advertiser.counts.solicitations);
  advertiser(kSolicitationsRefused, counts.advertiser.counts.refused);
  if (kea != nullptr) {
    out.push_back({&kDefinitions[kKeaRunning], {}, one_if(kea->state() == Kea::State::kRunning)});
    out.push_back({&kDefinitions[kKeaRestarts], {}, static_cast<double>(kea->restarts())});
    out.push_back({&kDefinitions[kRefused], {}, static_cast<double>(counts.dhcp.refused)});
    out.push_back(
        {&kDefinitions[kHeldBack], {}, static_cast<double>(counts.dhcp.held_back.size())});
  }
  if (kea6 != nullptr) {
    out.push_back({&kDefinitions[kKea6Running], {}, one_if(kea6->state() == Kea::State::kRunning)});
    out.push_back({&kDefinitions[kKea6Restarts], {}, static_cast<double>(kea6->restarts())});
    out.push_back({&kDefinitions[kRefused6], {}, static_cast<double>(counts.dhcp.refused6)});
  }
  return out;
}

}  // namespace anabranch::gateway
