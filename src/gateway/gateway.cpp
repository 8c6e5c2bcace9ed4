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
#include "gateway/dhcp_servers.hpp"
#include "gateway/former_paths.hpp"
#include "gateway/health_monitor.hpp"
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
        dhcp_(loop, {[this] {
                       dhcp_.follow_delegations(settings_);
                       publish();
                       say_status();
                       say_when_ready();
                     },
                     [this] { publish(); }, [this] { feed_kea(); },
                     [this] {
                       if (!pass_timer_) pass_timer_ = loop_.after(kSettle, [this] { run_pass(); });
                     }}) {}

  Result<void> start() {
    auto server =
        status::Server::open(loop_, status::socket_path("gateway"),
                             [this](const status::Request& request) { return answer(request); });
    if (!server) return std::unexpected(server.error());
    server_.emplace(*std::move(server));
    ANABRANCH_TRY(serve_metrics());
    ANABRANCH_TRY(DhcpServers::installed(settings_));
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
      if (const auto there = DhcpServers::installed(*fresh); !there)
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
    dhcp_.stop();
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

  /// One round of observe, decide, apply.
  Result<void> pass() {
    auto observed = machine_.observe();
    if (!observed) return std::unexpected(observed.error());
    dhcp_.follow_delegations(settings_);
    observed->delegations = dhcp_.delegations();
    health_.follow(settings_, *observed);
    observed->health = health_.health();
    plan_ = make_plan(settings_, *observed);
    const auto now = MonotonicClock::now();
    former_.follow(path_without_domains(settings_, plan_.paths), settings_.advertise.preferred,
                   now);
    former_timer_.reset();
    if (former_.next() != MonotonicTime::max())
      former_timer_ = loop_.at(former_.next(), [this] { run_pass(); });
    auto advertisements = make_advertisements(settings_, plan_, *observed, former_.indices());
    advertiser_.retire(settings_.lan, advertisements);
    const auto changed = machine_.apply(plan_, settings_.lan);
    if (!changed) return std::unexpected(changed.error());
    advertise(std::move(advertisements));
    note_paths();
    if (!changed->empty()) log::info("set up: {}", *changed);
    repairs_ = changed->empty() ? 0 : repairs_ + 1;
    if (!changed->empty()) ++counts_.passes_with_changes;
    feed_kea();
    publish();
    say_status();
    return {};
  }

  void advertise(std::vector<PathAdvertisement> advertisements) {
    std::optional<Advertiser::Lan> lan;
    if (plan_.lan_problem.empty()) lan = {settings_.lan, plan_.lan_ifindex};
    advertiser_.tell(lan, settings_.advertise.interval, std::move(advertisements));
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

  void feed_kea() { dhcp_.tell(settings_, plan_, withheld()); }

  void publish() {
    if (server_) server_->publish();
  }

  /// One sentence for `systemctl status`.
  void say_status() {
    const auto up = std::ranges::count(plan_.paths, PathState::kUp, &PathPlan::state);
    const auto servers = dhcp_.report(settings_);
    auto sentence =
        fmt::format("{} of {} uplinks up, DHCP {}", up, settings_.uplinks.size(), servers.state);
    if (settings_.dhcp6.mode != DhcpMode::kOff)
      sentence += fmt::format(", DHCPv6 {}", servers.state6);
    if (!plan_.lan_problem.empty()) sentence += "; hosts cannot be served: " + plan_.lan_problem;
    if (!plan_.dhcp6_problem.empty()) sentence += "; no DHCPv6 yet: " + plan_.dhcp6_problem;
    manager_.say(sentence);
  }

  void say_when_ready() {
    if (ready_ || !plan_.lan_problem.empty()) return;
    if (!dhcp_.running(settings_)) return;
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
      dhcp_.refresh();
      counts_.dhcp = dhcp_.report(settings_);
      counts_.advertiser = advertised();
      counts_.ages = ages();
      return metrics(settings_, plan_, observed.value_or(Observed{}), counts_,
                     dhcp_.server(settings_, Family::kIpv4),
                     dhcp_.server(settings_, Family::kIpv6));
    });
    if (!served) return std::unexpected(served.error());
    metrics_.emplace(*std::move(served));
    return {};
  }

  Result<std::string> answer(const status::Request& request) {
    if (request.verb == "show") {
      dhcp_.refresh();
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
    return status_json(settings_, told(*observed), ages(), *observed, dhcp_.report(settings_),
                       advertised(), config_.string());
  }

  AdvertiserReport advertised() const {
    return {advertiser_.running(), advertiser_.counts(), advertiser_.told(MonotonicClock::now())};
  }

  /// How long each uplink has been in its state.
  std::map<std::string, nanoseconds> ages() const {
    const auto now = MonotonicClock::now();
    std::map<std::string, nanoseconds> out;
    for (const auto& [name, record] : records_) out[name] = now - record.since;
    return out;
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
  log::RateLimit complaints_{seconds(10)};
  std::optional<status::Server> server_;
  status::ServiceManager manager_;
  FormerPaths former_;  ///< of hosts without provisioning domains
  Advertiser advertiser_;
  DhcpServers dhcp_;
  Counts counts_;
  std::optional<status::MetricsServer> metrics_;
  Loop::Handle monitor_watch_;
  Loop::Handle translation_watch_;
  Loop::Handle translation_timer_;
  Loop::Handle pass_timer_;
  Loop::Handle hold_timer_;
  Loop::Handle former_timer_;
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
  std::set<unsigned> every;
  for (const auto& uplink : settings->uplinks) every.insert(uplink.index);
  if (const auto observed = machine->observe())
    say_withdrawn(settings->lan, make_advertisements(*settings, make_plan(*settings, *observed),
                                                     *observed, every));
  return machine->clean(settings->lan);
}

}  // namespace anabranch::gateway
