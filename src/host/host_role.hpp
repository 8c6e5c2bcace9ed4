// SPDX-License-Identifier: MIT
// The state of a running host role and its steps. host.cpp has the interface's side: what is
// watched, asked and shown; host_paths.cpp the paths': which there are, where they live, and what
// the kernel holds of them; host_ipv6.cpp what provisioning domains ask of both, host_dhcp6.cpp the
// paths whose IPv6 address comes by DHCPv6.
#pragma once

#include <map>
#include <memory>
#include <optional>
#include <random>
#include <set>
#include <string>
#include <vector>

#include "base/loop.hpp"
#include "host/attachment.hpp"
#include "host/discovery.hpp"
#include "host/domain_watch.hpp"
#include "host/follow_pace.hpp"
#include "host/interface_view.hpp"
#include "host/line_budget.hpp"
#include "host/metrics.hpp"
#include "host/path6_set.hpp"
#include "host/path_set.hpp"
#include "host/plan.hpp"
#include "host/repairs.hpp"
#include "host/report.hpp"
#include "host/settings.hpp"
#include "host/slaac.hpp"
#include "host/state_file.hpp"
#include "host/told_converters.hpp"
#include "kernel/clock_watch.hpp"
#include "kernel/interface_state.hpp"
#include "kernel/mptcp_pm.hpp"
#include "kernel/rtnetlink.hpp"
#include "status/notify.hpp"
#include "status/server.hpp"

namespace anabranch::host {

/// A kernel that refused is asked again.
inline constexpr seconds kRetry{5};

class Host {
  using Support = Discovery::Support;
  using Change = DhcpClient::Change;

 public:
  Host(std::string interface, SettingsFile file, const Settings& settings)
      : interface_(std::move(interface)),
        file_(std::move(file)),
        settings_(settings),
        attachment_(settings.interfaces, kernel::is_wireless(interface_)),
        domains_(loop_, interface_, [this](bool changed) { domains_heard(changed); }),
        slaac_([this](const Slaac::Place& place, unsigned counter) {
          return stable_address(secret_, place.prefix, {interface_, place.path, place.network},
                                counter);
        }) {}

  Result<void> run();

 private:
  Result<void> open();
  Result<std::string> answer(const status::Request& request);
  Result<void> reload();
  Result<void> serve_metrics();
  void load_state();
  void save_state();
  void remember(const MacAddress& mac);
  void save_memory();
  void clock_jumped();
  void observe();
  void take(const Discovery::Step& step);
  Result<void> adopt_link(const kernel::LinkInfo& link);
  void verdict();
  void withdraw();
  void sync();
  Result<void> sync_paths(MonotonicTime now);
  Result<void> start_path(unsigned index, MonotonicTime now);
  Result<kernel::LinkInfo> link_for(unsigned index);
  void choose_attachment(MonotonicTime now);
  Result<void> apply(MonotonicTime now);
  void say_repairs(MonotonicTime now);
  void look();
  void path_changed(Path& path, Change change);
  void domains_heard(bool changed);
  void observe_ipv6(const InterfaceView& view, MonotonicTime now);
  void follow_duplicates();
  void forget_domains();
  void adopt_domains();
  Result<void> sync_ipv6(MonotonicTime now);
  void refresh_ipv6(MonotonicTime now);
  void say_domains(MonotonicTime now);
  void save_soon();
  void path6_changed(Path6& path, Change change);
  void start_path6(unsigned index, const kernel::LinkInfo& link, MonotonicTime now);
  void observe_paths6(MonotonicTime now);
  void add_lease6(const Domain& domain, Ipv6PathFacts& facts, MonotonicTime now) const;
  bool may_have(unsigned index, const IpAddress& address) const;
  PathState state_without_address(unsigned index) const;
  std::vector<unsigned> ipv6_paths() const;
  std::vector<Ipv6PathFacts> ipv6_facts(MonotonicTime now) const;
  std::optional<IpAddress> own_ipv6() const;
  unsigned own_index() const;
  void timers();
  void arm_timer();
  void schedule_sync(nanoseconds delay = {});
  void publish();
  void say_when_ready();
  void remove_all();
  void complain(const std::string& trouble);
  bool in_place(const IpAddress& address) const;
  Report report(MonotonicTime now) const;
  void report_ipv6(Report& out, MonotonicTime now) const;
  std::vector<ToldConverter> told_converters() const;
  void say_converters(std::vector<ToldConverter> now);
  std::vector<unsigned> wanted() const;
  /// Every further path, by DHCP or by a domain.
  std::vector<unsigned> all_wanted() const;
  bool has_paths() const { return support_ == Support::kYes || !domains_.table().empty(); }
  std::function<std::uint32_t()> random() {
    return [this] { return static_cast<std::uint32_t>(engine_()); };
  }
  bool operational() const { return link_ && link_->operational(); }
  std::optional<IpAddress> own_address() const {
    return address_ ? std::optional(address_->address()) : std::nullopt;
  }

  std::string interface_;
  SettingsFile file_;
  Settings settings_;
  Loop loop_;
  status::ServiceManager service_{loop_};
  std::mt19937 engine_{std::random_device{}()};
  std::optional<kernel::Rtnetlink> netlink_;
  std::optional<kernel::RouteMonitor> monitor_;
  std::optional<kernel::ClockWatch> clock_;
  std::optional<kernel::MptcpPathManager> manager_;
  std::optional<status::Server> server_;

  std::optional<kernel::LinkInfo> link_;
  std::optional<IpPrefix> address_;  ///< the interface's own
  std::optional<IpAddress> router_;
  std::set<IpAddress> own_addresses_;  ///< of all interfaces, beside those of the paths
  std::set<MacAddress> own_macs_;
  MacAddress memory_of_;  ///< the interface's Ethernet address whose leases are remembered
  AttachmentChoice attachment_;
  std::vector<std::uint8_t> duid_;
  std::optional<Discovery> discovery_;
  std::unique_ptr<DhcpSocket> discovery_socket_;
  Support support_ = Support::kUnknown;
  HostState state_;
  PathSet paths_{loop_, [this](Path& path, Change change) { path_changed(path, change); }};
  std::vector<Endpoint> own_converters_;  ///< of the interface's own path
  std::vector<ToldConverter> said_converters_;
  std::set<unsigned> unanswered_;      ///< paths nobody offers, and we have said so
  std::vector<IpAddress> refresh_;     ///< addresses that get their renewed lifetime
  bool parent_prepared_ = false;       ///< by us, in this life of the interface
  std::optional<Plan> applied_;        ///< what the last pass brought the kernel to
  std::vector<std::string> repaired_;  ///< in this pass: what somebody else had taken away
  RepairPace pace_;
  std::size_t ready_ = 0;  ///< number of paths when we last said so
  std::string published_;
  bool placed_ = false;  ///< something of ours may be in the kernel
  std::string trouble_;  ///< the last thing that could not be done

  AddressSecret secret_{};
  DomainWatch domains_;
  Slaac slaac_;
  Path6Set paths6_{loop_, [this](Path6& path, Change change) { path6_changed(path, change); }};
  std::vector<kernel::Address> all_ipv6_;    ///< of every interface
  std::vector<kernel::Address> own_ipv6_;    ///< of the interface, beside those of the paths
  std::vector<kernel::Address> our_ipv6_;    ///< of the paths
  std::map<unsigned, unsigned> ipv6_links_;  ///< interface numbers of paths with IPv6
  std::map<unsigned, std::string> said_;     ///< last line about a path's domain
  MonotonicTime quiet_until_{};              ///< about domains, so that changes come together
  LineBudget domain_lines_{60};              ///< so that nobody fills the log
  LineBudget conflict_lines_{20};
  LineBudget converter_lines_{10};
  FollowPace follow_pace_;  ///< at which changes of domains make us act
  MonotonicTime sync_at_ = MonotonicTime::max();

  LeaseCounts lease_counts_;
  std::optional<status::MetricsServer> metrics_;

  Loop::Handle monitor_watch_;
  Loop::Handle clock_watch_;
  Loop::Handle observe_later_;
  Loop::Handle sync_later_;
  Loop::Handle look_later_;
  Loop::Handle save_later_;
  Loop::Handle timer_;
};

}  // namespace anabranch::host
