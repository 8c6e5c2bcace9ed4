// SPDX-License-Identifier: MIT
#include "paths/metrics.hpp"

#include <array>

namespace anabranch::paths {
namespace {

using status::Metric;
using enum status::MetricType;

// A metric is named by its place here.
enum : std::size_t {
  kConnections,
  kSubflows,
  kUsable,
  kFailed,
  kPreferred,
  kSendRate,
  kReceiveRate,
  kRtt,
  kSent,
  kReceived,
  kRetransmitted,
  kOpened,
  kLost,
  kFailovers,
  kReturns,
  kProbes,
  kEvents,
  kOverruns,
  kSamples,
  kRefused,
  kCount,
};

constexpr std::array<status::MetricDefinition, kCount> kDefinitions{{
    {"anabranch_paths_connections", kGauge,
     "MPTCP connections: managed by this daemon, observed only, or fallen back to plain TCP."},
    {"anabranch_paths_subflows", kGauge, "Subflows from the path's address."},
    {"anabranch_paths_path_usable", kGauge,
     "1 while the path can be used as far as this machine can tell, else 0."},
    {"anabranch_paths_path_failed", kGauge,
     "1 while the path is silent and is probed until it answers, else 0."},
    {"anabranch_paths_path_preferred", kGauge,
     "1 while new connections that choose no source address leave by the path, else 0."},
    {"anabranch_paths_path_send_rate_bytes_per_second", kGauge,
     "Best rate seen lately towards peers. None while it is not known."},
    {"anabranch_paths_path_receive_rate_bytes_per_second", kGauge,
     "Best rate seen lately from peers. None while it is not known."},
    {"anabranch_paths_path_minimum_rtt_seconds", kGauge,
     "Smallest round trip seen lately. None while it is not known."},
    {"anabranch_paths_path_sent_bytes_total", kCounter,
     "Sent by subflows from the path's address, closed ones included."},
    {"anabranch_paths_path_received_bytes_total", kCounter,
     "Received by subflows from the path's address, closed ones included."},
    {"anabranch_paths_path_retransmitted_segments_total", kCounter,
     "Segments that subflows from the path's address sent again."},
    {"anabranch_paths_path_subflows_opened_total", kCounter,
     "Subflows established from the path's address."},
    {"anabranch_paths_path_subflows_lost_total", kCounter,
     "Subflows from the path's address that were closed otherwise than by this daemon."},
    {"anabranch_paths_path_failovers_total", kCounter,
     "Times that the path was found silent and its subflows were given up."},
    {"anabranch_paths_path_returns_total", kCounter, "Times that the path answered again."},
    {"anabranch_paths_path_probes_total", kCounter,
     "Questions sent over the path, none with user data."},
    {"anabranch_paths_events_total", kCounter, "Events of the kernel's path manager interface."},
    {"anabranch_paths_overruns_total", kCounter,
     "Times that the kernel dropped events and everything was read again."},
    {"anabranch_paths_samples_total", kCounter, "Readings of a connection's figures."},
    {"anabranch_paths_refused_actions_total", kCounter, "Actions that could not be carried out."},
}};

double one_if(bool condition) {
  return condition ? 1 : 0;
}

class Figures {
 public:
  explicit Figures(const Counts& counts) : counts_(counts) {}

  void add(std::size_t what, std::uint64_t value) {
    out.push_back({&kDefinitions[what], {}, static_cast<double>(value)});
  }
  void add(std::size_t what, const char* label, std::string_view named, std::uint64_t value) {
    out.push_back({&kDefinitions[what], {{label, std::string(named)}}, static_cast<double>(value)});
  }
  void add_path(std::size_t what, const IpAddress& address, double value) {
    out.push_back({&kDefinitions[what], labels(address), value});
  }
  void add_subflows(const IpAddress& address, const char* state, std::uint64_t value) {
    auto all = labels(address);
    all.emplace_back("state", state);
    out.push_back({&kDefinitions[kSubflows], std::move(all), static_cast<double>(value)});
  }

  std::vector<Metric> out;

 private:
  std::vector<std::pair<std::string, std::string>> labels(const IpAddress& address) const {
    const auto interface = counts_.interfaces.find(address);
    return {{"address", address.text()},
            {"interface", interface == counts_.interfaces.end() ? "" : interface->second}};
  }
  const Counts& counts_;
};

void add_connections(Figures& figures, const ReportView& view) {
  std::uint64_t managed = 0;
  std::uint64_t observed = 0;
  std::uint64_t plain = 0;
  struct Tally {
    std::uint64_t established = 0;
    std::uint64_t silent = 0;
  };
  std::map<IpAddress, Tally> subflows;
  for (const auto& [token, connection] : view.connections) {
    ++(connection.plain_tcp ? plain : connection.observed_only ? observed : managed);
    for (const auto& [key, subflow] : connection.subflows) {
      auto& tally = subflows[key.local.address];
      ++(view.silent(key) ? tally.silent : tally.established);
    }
  }
  figures.add(kConnections, "state", "managed", managed);
  figures.add(kConnections, "state", "observed", observed);
  figures.add(kConnections, "state", "plain-tcp", plain);
  for (const auto& [address, path] : view.paths) {
    figures.add_subflows(address, "established", subflows[address].established);
    figures.add_subflows(address, "silent", subflows[address].silent);
  }
}

void add_paths(Figures& figures, const ReportView& view) {
  constexpr double kBits = 8;
  for (const auto& [address, path] : view.paths) {
    const auto found = view.memory.find(address);
    const auto known = found == view.memory.end() ? PathMemory{} : found->second;
    figures.add_path(kUsable, address, one_if(path.usable));
    figures.add_path(kFailed, address, one_if(known.failed));
    figures.add_path(kPreferred, address, one_if(view.preferred(address.family()) == address));
    if (known.send_rate.bits_per_second > 0)
      figures.add_path(kSendRate, address, known.send_rate.bits_per_second / kBits);
    if (known.receive_rate.bits_per_second > 0)
      figures.add_path(kReceiveRate, address, known.receive_rate.bits_per_second / kBits);
    if (known.minimum_rtt > nanoseconds(0))
      figures.add_path(kRtt, address, std::chrono::duration<double>(known.minimum_rtt).count());
  }
}

}  // namespace

void Counts::note(const Input& input) {
  if (std::holds_alternative<input::Event>(input)) ++events;
  if (std::holds_alternative<input::Sample>(input)) ++samples;
  if (std::holds_alternative<input::Failed>(input)) ++refused;
  if (const auto* paths = std::get_if<input::Paths>(&input))
    for (const auto& path : paths->paths) interfaces[path.address] = path.interface;
}

void Counts::note(const Action& action) {
  if (const auto* probe = std::get_if<action::Probe>(&action.what)) ++probes[probe->source];
  if (const auto* measure = std::get_if<action::Measure>(&action.what)) ++probes[measure->source];
}

std::span<const status::MetricDefinition> metric_definitions() {
  return kDefinitions;
}

std::vector<Metric> metrics(const ReportView& view, const std::map<IpAddress, Totals>& totals,
                            const Counts& counts) {
  Figures figures(counts);
  add_connections(figures, view);
  add_paths(figures, view);
  for (const auto& [address, total] : totals) {
    const auto add = [&](std::size_t what, std::uint64_t value) {
      figures.add_path(what, address, static_cast<double>(value));
    };
    add(kSent, total.octets_sent);
    add(kReceived, total.octets_received);
    add(kRetransmitted, total.retransmissions);
    add(kOpened, total.subflows_opened);
    add(kLost, total.subflows_lost);
    add(kFailovers, total.failovers);
    add(kReturns, total.returns);
  }
  for (const auto& [address, count] : counts.probes)
    figures.add_path(kProbes, address, static_cast<double>(count));
  figures.add(kEvents, counts.events);
  figures.add(kOverruns, counts.overruns);
  figures.add(kSamples, counts.samples);
  figures.add(kRefused, counts.refused);
  return std::move(figures.out);
}

std::vector<Metric> metrics(const Decider& decider, const Counts& counts) {
  return metrics(view_of(decider), decider.totals(), counts);
}

}  // namespace anabranch::paths
