// SPDX-License-Identifier: MIT
#include "gateway/gateway.hpp"

#include <algorithm>
#include <chrono>
#include <map>
#include <memory>
#include <optional>
#include <set>

#include <fmt/format.h>
#include <linux/netfilter/nfnetlink.h>
#include <linux/netlink.h>
#include <signal.h>

#include "base/log.hpp"
#include "base/loop.hpp"
#include "gateway/advertisement.hpp"
#include "gateway/advertiser.hpp"
#include "gateway/delegations.hpp"
#include "gateway/health_monitor.hpp"
#include "gateway/kea.hpp"
#include "gateway/kea6_config.hpp"
#include "gateway/kea_config.hpp"
#include "gateway/lease_journal.hpp"
#include "gateway/lease_watch.hpp"
#include "gateway/machine.hpp"
#include "gateway/metrics.hpp"
#include "gateway/plan.hpp"
#include "gateway/report.hpp"
#include "gateway/settings.hpp"
#include "kernel/conntrack.hpp"
#include "kernel/netlink.hpp"
#include "status/client.hpp"
#include "status/notify.hpp"
#include "status/server.hpp"

namespace anabranch::gateway {
namespace {

/// Several changes that belong together make one pass.
constexpr milliseconds kSettle{10};
/// The pause when someone undoes again and again what we do, or the kernel refuses it.
constexpr milliseconds kSlowest{1000};
/// How long a path is down before new leases of it are refused: a link that flaps is the kernel's
/// business, not the DHCP server's.
constexpr seconds kLeaseHold{2};
/// A gateway that lacks its LAN or its DHCP server for longer counts as started for the service
/// manager: it forwards, and would not get further by being started again.
constexpr seconds kStartPatience{15};

class Gateway {
 public:
  Gateway(Loop& loop, std::filesystem::path config, Settings settings, Machine machine,
          kernel::RouteMonitor monitor)
      : loop_(loop),
        config_(std::move(config)),
        settings_(std::move(settings)),
        machine_(std::move(machine)),
        monitor_(std::move(monitor)),
        health_(loop, [this] { run_pass(); }),
        manager_(loop),
        advertiser_(loop),
        kea_(
            loop, Family::kIpv4,
            [this] {
              leases_.on_state(kea_.state());
              on_kea_changed();
            },
            [this](const KeaLine& line) { leases_.on_line(line); }),
        kea6_(
            loop, Family::kIpv6,
            [this] {
              follow_delegations();
              on_kea_changed();
            },
            [](const KeaLine&) {}),
        leases_(
            loop, kea_, [this] { feed_kea(); },
            [this] {
              if (server_) server_->publish();
            }) {}

  Result<void> start() {
    auto server =
        status::Server::open(loop_, status::socket_path("gateway"),
                             [this](const status::Request& request) { return answer(request); });
    if (!server) return std::unexpected(server.error());
    server_.emplace(*std::move(server));
    ANABRANCH_TRY(serve_metrics());
    ANABRANCH_TRY(servers_installed(settings_));
    ANABRANCH_TRY(watch_translation());
    ANABRANCH_TRY(health_.open());
    monitor_watch_ = loop_.on_readable(monitor_.fd(), [this] { on_kernel_change(); });
    ANABRANCH_TRY(pass());
    if (!plan_.lan_problem.empty())
      log::warning("hosts cannot be served yet: {}", plan_.lan_problem);
    say_when_ready();
    manager_.ready_at_last(kStartPatience);
    return {};
  }

  Result<void> reload() {
    const status::ServiceManager::Reload told(manager_);
    auto fresh = load(config_);
    if (fresh)
      if (const auto there = servers_installed(*fresh); !there)
        fresh = std::unexpected(there.error());
    if (!fresh) {
      log::error("the changed file is refused and the old configuration stays:\n{}",
                 fresh.error().text());
      return std::unexpected(fresh.error());
    }
    const Settings old = std::exchange(settings_, *std::move(fresh));
    const Plan old_plan = plan_;
    if (const auto done = pass(); !done) {
      log::error("the changed configuration cannot be applied, going back: {}",
                 done.error().text());
      settings_ = old;
      plan_ = old_plan;
      if (const auto back = pass(); !back) retry_later(back.error());
      return done;
    }
    ++counts_.reloads;
    if (settings_.metrics != old.metrics)
      if (const auto served = serve_metrics(); !served) log::error("{}", served.error().text());
    log::info("{} read again: {} uplinks", config_.string(), settings_.uplinks.size());
    return {};
  }

  void stop() {
    manager_.stopping();
    kea_.stop();
    kea6_.stop();
    log::info(
        "the gateway ends; forwarding goes on as it is (`anabranch gateway cleanup` takes it "
        "back)");
    loop_.stop();
  }

 private:
  struct PathRecord {
    PathState state;
    MonotonicTime since;
  };

  static Result<void> servers_installed(const Settings& settings) {
    if (settings.dhcp.mode == DhcpMode::kKea) ANABRANCH_TRY(Kea::installed(Family::kIpv4));
    if (settings.dhcp6.mode == DhcpMode::kKea) ANABRANCH_TRY(Kea::installed(Family::kIpv6));
    return {};
  }

  /// One round of observe, decide, apply.
  Result<void> pass() {
    auto observed = machine_.observe();
    if (!observed) return std::unexpected(observed.error());
    follow_delegations();
    observed->delegations = delegations_.routes();
    health_.follow(settings_, *observed);
    observed->health = health_.health();
    plan_ = make_plan(settings_, *observed);
    auto advertisements = make_advertisements(settings_, plan_, *observed);
    advertiser_.retire(settings_.lan, advertisements);
    const auto changed = machine_.apply(plan_, settings_.lan);
    if (!changed) return std::unexpected(changed.error());
    advertise(std::move(advertisements));
    note_paths();
    if (!changed->empty()) log::info("set up: {}", *changed);
    repairs_ = changed->empty() ? 0 : repairs_ + 1;
    if (!changed->empty()) ++counts_.passes_with_changes;
    feed_kea();
    if (server_) server_->publish();
    say_status();
    return {};
  }

  void advertise(std::vector<PathAdvertisement> advertisements) {
    std::optional<Advertiser::Lan> lan;
    if (plan_.lan_problem.empty()) lan = {settings_.lan, plan_.lan_ifindex};
    advertiser_.tell(lan, settings_.advertise.interval, std::move(advertisements));
  }

  /// From the first pass on where an earlier run has left leases, so that their routes stay.
  void follow_delegations() {
    if (settings_.dhcp6.mode != DhcpMode::kKea || settings_.dhcp.lease_database.type != "memfile") {
      journal6_.reset();
      return delegations_.clear();
    }
    if (journal6_) return;
    auto journal = LeaseJournal::open(
        loop_, kea_lease_file(Family::kIpv6), LeaseJournal::Begin::kWhole,
        [this](std::string_view line) {
          const auto lease = journal_lease6(line);
          const auto now = std::chrono::system_clock::now().time_since_epoch();
          if (!lease || !delegations_.note(*lease, std::chrono::duration_cast<seconds>(now)))
            return;
          if (!pass_timer_) pass_timer_ = loop_.after(kSettle, [this] { run_pass(); });
        });
    if (journal)
      journal6_ = *std::move(journal);
    else  // Kea makes the folder.
      log::debug("delegated prefixes are not routed yet: {}", journal.error().text());
  }

  void on_kernel_change() {
    const auto changes = monitor_.drain();
    if (!changes.any()) return;
    if (changes.links && repairs_ == 0) return run_pass();
    if (!pass_timer_)
      pass_timer_ = loop_.after(std::min(kSettle * (1 << std::min(repairs_, 7)), kSlowest),
                                [this] { run_pass(); });
  }

  void run_pass() {
    pass_timer_.reset();
    if (const auto done = pass(); !done) retry_later(done.error());
  }

  void retry_later(const Error& error) {
    if (complaints_.allow(MonotonicClock::now()))
      log::warning("cannot set up everything, trying again: {}", error.text());
    pass_timer_ = loop_.after(kSlowest, [this] { run_pass(); });
  }

  /// Says what has happened to each path since the last pass. One that goes or returns while
  /// another stands in for it loses its tracked connections, which are bound to an address of the
  /// other way. Without a stand-in they stay, also on a path that has silently lost everything:
  /// they fit again when it returns, and nothing of theirs leaves until then. A packet from outside
  /// that found none would be taken for one to this machine and answered with a reset, or leave
  /// behind an entry that turns the host's port into another.
  void note_paths() {
    const auto now = MonotonicClock::now();
    std::map<std::string, PathRecord> records;
    for (const auto& path : plan_.paths) {
      const auto before = records_.find(path.name);
      if (before != records_.end() && before->second.state == path.state) {
        records.insert(*before);
        continue;
      }
      records.insert({path.name, {path.state, now}});
      if (before == records_.end()) {
        if (path.state != PathState::kUp)
          log::warning("uplink {} (path {}) is down: {}", path.name, path.index, path.why);
        continue;
      }
      ++counts_.state_changes[path.name];
      const Uplink& uplink = *settings_.find(path.name);
      const unsigned forgotten = uplink.fail_open.empty() ? 0 : forget_connections(uplink);
      if (path.state == PathState::kUp)
        log::info(
            "uplink {} (path {}) is back after {}", path.name, path.index,
            duration_text(std::chrono::duration_cast<milliseconds>(now - before->second.since)));
      else
        log::warning(
            "uplink {} (path {}) is down: {}{}", path.name, path.index, path.why,
            forgotten == 0 ? "" : fmt::format("; {} tracked connection(s) forgotten", forgotten));
    }
    records_ = std::move(records);
  }

  static unsigned forget_connections(const Uplink& uplink) {
    std::vector<IpPrefix> sources;
    if (uplink.has_ipv4()) sources.push_back(uplink.source_prefix);
    if (uplink.ipv6) sources.push_back(uplink.ipv6->source_prefix);
    if (uplink.ipv6 && uplink.ipv6->delegated) sources.push_back(*uplink.ipv6->delegated);
    unsigned count = 0;
    for (const auto& source : sources) {
      if (const auto forgotten = kernel::flush_conntrack(source))
        count += *forgotten;
      else
        log::warning("cannot forget the connections of {}: {}", uplink.name,
                     forgotten.error().text());
    }
    return count;
  }

  /// Paths that give no leases now; comes back by itself when one is about to join them.
  std::set<unsigned> withheld() {
    std::set<unsigned> out;
    const auto now = MonotonicClock::now();
    hold_timer_.reset();
    for (const auto& path : plan_.paths) {
      if (path.state != PathState::kDown) continue;
      const auto due = records_.at(path.name).since + kLeaseHold;
      if (now >= due)
        out.insert(path.index);
      else
        hold_timer_ = loop_.at(due, [this] { feed_kea(); });
    }
    return out;
  }

  /// Tells our DHCP servers what holds now.
  void feed_kea() {
    const bool serves4 = settings_.dhcp.mode == DhcpMode::kKea;
    const bool serves6 = settings_.dhcp6.mode == DhcpMode::kKea;
    if (!serves4) kea_.stop();
    if (!serves6) kea6_.stop();
    if (!serves4 && !serves6) return hold_timer_.reset();
    if (!plan_.lan_problem.empty()) return;  // Kea opens its sockets on an interface that is ready
    KeaRefusals refusals{withheld(), {}};
    if (serves6 && plan_.dhcp6_problem.empty())
      feed(kea6_, told6_, kea6_config(settings_, refusals, own_kea6_places(settings_)));
    if (!serves4) return;
    const KeaPlaces places = own_kea_places(settings_);
    leases_.use(settings_, !places.lease_commands.empty());
    if (places.lease_commands.empty() && settings_.dhcp.leases_per_mac != 0 &&
        !std::exchange(limit_lacking_, true))
      log::warning(
          "dhcp.leases_per_mac cannot be held: this Kea has no hook library libdhcp_lease_cmds.so");
    refusals.held_back = leases_.held_back();
    feed(kea_, told_, kea_config(settings_, refusals, places));
  }

  /// What one of our DHCP servers was given last.
  struct Told {
    std::string config;
    unsigned ifindex = 0;  ///< of the LAN
  };

  void feed(Kea& kea, Told& told, std::string config) {
    const bool stopped = kea.state() == Kea::State::kStopped;
    const bool other_interface =
        std::exchange(told.ifindex, plan_.lan_ifindex) != plan_.lan_ifindex;
    if (config != told.config || stopped) {
      told.config = config;
      kea.want(std::move(config));
    }
    if (other_interface && !stopped) kea.restart();
  }

  void on_kea_changed() {
    if (server_) server_->publish();
    say_status();
    say_when_ready();
  }

  /// One sentence for `systemctl status`.
  void say_status() {
    const auto up = std::ranges::count(plan_.paths, PathState::kUp, &PathPlan::state);
    const auto dhcp = settings_.dhcp.mode == DhcpMode::kKea ? kea_state_name(kea_.state())
                                                            : dhcp_mode_name(settings_.dhcp.mode);
    auto sentence = fmt::format("{} of {} uplinks up, DHCP {}", up, settings_.uplinks.size(), dhcp);
    if (settings_.dhcp6.mode != DhcpMode::kOff)
      sentence += fmt::format(", DHCPv6 {}", dhcp6_text());
    if (!plan_.lan_problem.empty()) sentence += "; hosts cannot be served: " + plan_.lan_problem;
    if (!plan_.dhcp6_problem.empty()) sentence += "; no DHCPv6 yet: " + plan_.dhcp6_problem;
    manager_.say(sentence);
  }

  std::string_view dhcp6_text() const {
    return settings_.dhcp6.mode == DhcpMode::kKea ? kea_state_name(kea6_.state())
                                                  : dhcp_mode_name(settings_.dhcp6.mode);
  }

  void say_when_ready() {
    if (ready_ || !plan_.lan_problem.empty()) return;
    if (settings_.dhcp.mode == DhcpMode::kKea && kea_.state() != Kea::State::kRunning) return;
    if (settings_.dhcp6.mode == DhcpMode::kKea && kea6_.state() != Kea::State::kRunning) return;
    ready_ = true;
    log::info("gateway is ready: {} uplinks behind {}", settings_.uplinks.size(), settings_.lan);
    manager_.ready();
  }

  /// A firewall that is loaded anew often flushes every table of the machine, ours too.
  Result<void> watch_translation() {
    auto socket = kernel::NetlinkSocket::open(NETLINK_NETFILTER);
    if (!socket) return {};  // no nftables in this kernel, so no translation to lose
    ANABRANCH_TRY(socket->join(NFNLGRP_NFTABLES));
    translation_monitor_.emplace(*std::move(socket));
    translation_watch_ = loop_.on_readable(translation_monitor_->fd(), [this] {
      translation_monitor_->drain([](const nlmsghdr&) {});
      if (!translation_timer_)
        translation_timer_ = loop_.after(kSettle * 5, [this] { check_translation(); });
    });
    return {};
  }

  void check_translation() {
    translation_timer_.reset();
    if (!machine_.translation_lost()) return;
    log::warning("someone has removed our nft table {}; putting it back",
                 registry::kGatewayNftTable);
    run_pass();
  }

  Result<void> serve_metrics() {
    metrics_.reset();
    if (!settings_.metrics) return {};
    auto served = status::MetricsServer::open(loop_, *settings_.metrics, [this] {
      const auto observed = observe();
      leases_.refresh();
      counts_.pools = leases_.pools();
      counts_.refused = leases_.refused();
      counts_.held_back = leases_.held_back().size();
      counts_.advertiser = advertiser_.counts();
      return metrics(settings_, plan_, observed.value_or(Observed{}), counts_,
                     settings_.dhcp.mode == DhcpMode::kKea ? &kea_ : nullptr,
                     settings_.dhcp6.mode == DhcpMode::kKea ? &kea6_ : nullptr);
    });
    if (!served) return std::unexpected(served.error());
    metrics_.emplace(*std::move(served));
    return {};
  }

  Result<std::string> answer(const status::Request& request) {
    if (request.verb == "show") {
      leases_.refresh();
      return show();
    }
    if (request.verb != "reload")
      return fail("the gateway does not know '" + request.verb + "'", {}, "show, subscribe, reload",
                  ExitCode::kBadInput);
    if (!request.privileged)
      return fail("only root may make the gateway reload", {}, {}, ExitCode::kNotPermitted);
    if (const auto done = reload(); !done) return std::unexpected(done.error());
    return "{}";
  }

  /// As it is now, for those who ask.
  Result<Observed> observe() {
    auto observed = machine_.observe();
    if (observed) observed->health = health_.health();
    return observed;
  }

  /// The plan as it was applied, with the reasons of now: how long an uplink has been silent, and
  /// whether more is known of it by now.
  Plan told(const Observed& observed) const {
    Plan out = plan_;
    const auto paths = make_plan(settings_, observed).paths;
    for (std::size_t i = 0; i < paths.size() && i < out.paths.size(); ++i)
      if (paths[i].state == out.paths[i].state) out.paths[i].why = paths[i].why;
    return out;
  }

  Result<std::string> show() {
    const auto observed = observe();
    if (!observed) return std::unexpected(observed.error());
    const auto now = MonotonicClock::now();
    std::vector<nanoseconds> ages;
    for (const auto& path : plan_.paths) {
      const auto record = records_.find(path.name);
      ages.push_back(record == records_.end() ? nanoseconds(0)
                                              : nanoseconds(now - record->second.since));
    }
    const DhcpReport dhcp{settings_.dhcp.mode == DhcpMode::kKea
                              ? kea_state_name(kea_.state())
                              : dhcp_mode_name(settings_.dhcp.mode),
                          kea_.pid(),
                          leases_.pools(),
                          leases_.held_back(),
                          leases_.refused(),
                          dhcp6_text(),
                          kea6_.pid()};
    return status_json(settings_, told(*observed), ages, *observed, dhcp,
                       {advertiser_.running(), advertiser_.counts()}, config_.string());
  }

  Loop& loop_;
  std::filesystem::path config_;
  Settings settings_;
  Machine machine_;
  kernel::RouteMonitor monitor_;
  HealthMonitor health_;
  std::optional<kernel::NetlinkSocket> translation_monitor_;
  Plan plan_;
  std::map<std::string, PathRecord> records_;
  int repairs_ = 0;  ///< passes in a row that had something to do
  bool ready_ = false;
  Told told_;
  Told told6_;
  log::RateLimit complaints_{seconds(10)};
  std::optional<status::Server> server_;
  status::ServiceManager manager_;
  Advertiser advertiser_;
  Kea kea_;
  Kea kea6_;
  LeaseWatch leases_;
  Delegations delegations_;
  std::unique_ptr<LeaseJournal> journal6_;
  bool limit_lacking_ = false;  ///< and told
  Counts counts_;
  std::optional<status::MetricsServer> metrics_;
  Loop::Handle monitor_watch_;
  Loop::Handle translation_watch_;
  Loop::Handle translation_timer_;
  Loop::Handle pass_timer_;
  Loop::Handle hold_timer_;
};

}  // namespace

Result<void> run(const std::filesystem::path& config) {
  auto settings = load(config);
  if (!settings) return std::unexpected(settings.error());
  auto machine = Machine::open();
  if (!machine) return std::unexpected(machine.error());
  auto monitor = kernel::RouteMonitor::open();
  if (!monitor) return std::unexpected(monitor.error());
  Loop loop;
  Gateway gateway(loop, std::filesystem::absolute(config), *std::move(settings),
                  *std::move(machine), *std::move(monitor));
  loop.on_signal({SIGTERM, SIGINT}, [&](int) { gateway.stop(); });
  loop.on_signal({SIGHUP}, [&](int) { static_cast<void>(gateway.reload()); });
  ANABRANCH_TRY(gateway.start());
  loop.run();
  return {};
}

Result<void> cleanup(const std::filesystem::path& config) {
  const auto settings = load(config);
  if (!settings) return std::unexpected(settings.error());
  if (status::ask(status::socket_path("gateway"), "show", seconds(3)))
    return fail("the gateway is running", status::socket_path("gateway").string(), "stop it first");
  auto machine = Machine::open();
  if (!machine) return std::unexpected(machine.error());
  if (const auto observed = machine->observe())
    say_withdrawn(settings->lan,
                  make_advertisements(*settings, make_plan(*settings, *observed), *observed));
  return machine->clean(settings->lan);
}

}  // namespace anabranch::gateway
