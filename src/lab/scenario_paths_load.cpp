// SPDX-License-Identifier: MIT
#include "lab/scenario_paths_load.hpp"

#include <algorithm>
#include <atomic>
#include <csignal>
#include <sstream>
#include <thread>

#include <fcntl.h>
#include <fmt/format.h>
#include <linux/netlink.h>
#include <nlohmann/json.hpp>
#include <poll.h>

#include "base/directories.hpp"
#include "kernel/mptcp_events.hpp"
#include "kernel/socket_diag.hpp"
#include "lab/herd.hpp"
#include "lab/join_delays.hpp"
#include "lab/path_manager.hpp"
#include "lab/process_figures.hpp"
#include "lab/single_homed.hpp"
#include "lab/two_homed.hpp"

namespace anabranch::lab {
namespace {

constexpr std::string_view kClient = "client";
constexpr std::string_view kServer = "server";
constexpr unsigned kPorts = 4;
constexpr unsigned kBusy = 100;
constexpr nanoseconds kBusyPause = milliseconds(20);
/// Short connections under way, with some that the server has yet to close.
constexpr unsigned kShortAtOnce = 256;
constexpr nanoseconds kPatience = seconds(120);

/// Descriptors of one process are bounded: the server holds all connections.
struct Plan {
  unsigned alone;     ///< connections made one at a time
  unsigned held;      ///< held together
  unsigned stranded;  ///< made while the daemon stands still
  nanoseconds watch;  ///< of each steady state
  nanoseconds short_ones;
  /// What the server has at a time, short ones and such as are not closed yet among it.
  unsigned at_once_at_most() const { return alone + held + kBusy + stranded + kShortAtOnce; }
};

Plan plan_of(Scale scale) {
  if (scale == Scale::kQuick) return {50, 1000, 500, seconds(2), seconds(2)};
  if (scale == Scale::kFull) return {1000, 10000, 8000, seconds(30), seconds(30)};
  return {300, 10000, 8000, seconds(10), seconds(10)};
}

/// Plain cables: what is measured is the daemon, not the links.
Topology topology() {
  auto out = two_homed_topology({.paths = {LinkProfile{}, LinkProfile{}}});
  for (auto& link : out.links) link.profile.reset();
  return out;
}

class HerdProcess {
 public:
  static Result<HerdProcess> start(const Network& network, std::string_view node,
                                   const HerdOptions& options) {
    std::vector<std::string> argv = {"anabranch", "lab", "herd"};
    for (auto& word : herd_arguments(options)) argv.push_back(std::move(word));
    auto spawn = network.in_node(node, std::move(argv));
    if (!spawn) return std::unexpected(spawn.error());
    auto pipe = kernel::make_pipe();
    if (!pipe) return std::unexpected(pipe.error());
    spawn->standard_output = pipe->write.get();
    auto process = kernel::spawn(*spawn);
    if (!process) return std::unexpected(process.error());
    HerdProcess out;
    out.process_ = *std::move(process);
    out.output_ = std::move(pipe->read);
    return out;
  }
  /// Its report; `meanwhile` is called about every 20 ms.
  template <class Work>
  Result<HerdReport> report(nanoseconds patience, Work meanwhile) {
    const auto deadline = MonotonicClock::now() + patience;
    std::string line;
    while (MonotonicClock::now() < deadline) {
      meanwhile();
      pollfd ready{output_.get(), POLLIN, 0};
      if (::poll(&ready, 1, 20) <= 0) continue;
      char octet = 0;
      ssize_t count = 0;
      while ((count = ::read(output_.get(), &octet, 1)) == 1 && octet != '\n') line += octet;
      if (count != 1) return fail("a herd of connections ended early: " + line);
      return parse_herd_report(line);
    }
    return fail("a herd of connections was not ready in time");
  }
  Result<HerdReport> report(nanoseconds patience = kPatience) {
    return report(patience, [] {});
  }

 private:
  kernel::Process process_;
  UniqueFd output_;
};

/// Counts the events of a namespace beside the daemon that is measured.
class EventCounter {
 public:
  static Result<std::unique_ptr<EventCounter>> start(const Network& network) {
    auto out = std::make_unique<EventCounter>();
    ANABRANCH_TRY(network.inside(kClient, [&]() -> Result<void> {
      auto monitor = kernel::MptcpEventMonitor::open(64 << 20);
      if (!monitor) return std::unexpected(monitor.error());
      out->monitor_ = *std::move(monitor);
      return {};
    }));
    out->thread_ = std::jthread([raw = out.get()](const std::stop_token& stop) { raw->run(stop); });
    return out;
  }
  std::uint64_t count() const { return count_; }
  bool complete() const { return complete_; }

 private:
  void run(const std::stop_token& stop) {
    while (!stop.stop_requested()) {
      pollfd ready{monitor_->fd(), POLLIN, 0};
      if (::poll(&ready, 1, 50) <= 0) continue;
      if (!monitor_->drain([this](const kernel::MptcpEvent&) { ++count_; })) complete_ = false;
    }
  }
  std::optional<kernel::MptcpEventMonitor> monitor_;
  std::atomic<std::uint64_t> count_ = 0;
  std::atomic<bool> complete_ = true;
  std::jthread thread_;  // ends before what it uses
};

class PathsLoad {
 public:
  explicit PathsLoad(ScenarioRun& run) : run_(run), plan_(plan_of(run.scale)) {}

  Result<void> body() {
    ANABRANCH_TRY(begin());
    ANABRANCH_TRY(alone());
    ANABRANCH_TRY(rush());
    ANABRANCH_TRY(steady("idle"));
    ANABRANCH_TRY(busy());
    ANABRANCH_TRY(short_ones());
    return overrun();
  }

 private:
  Result<void> begin() {
    run_.progress.step("path manager and server start", seconds(2));
    ANABRANCH_TRY(start_manager(run_.network, kClient, Manager::kAnabranch));
    const auto parent = run_.network.role_pid(kClient, kPathsRole);
    if (!parent) return std::unexpected(parent.error());
    const auto workers = children_of(*parent);
    if (workers.size() != 1) return fail("the path manager has no worker");
    daemon_ = workers.front();
    auto server = HerdProcess::start(run_.network, kServer,
                                     {.listen = true,
                                      .address = kServerAddress,
                                      .ports = kPorts,
                                      .connections = plan_.at_once_at_most()});
    if (!server) return std::unexpected(server.error());
    server_ = *std::move(server);
    if (const auto ready = server_->report(); !ready) return std::unexpected(ready.error());
    ANABRANCH_TRY(open_capture());
    run_.progress.finish_step("");
    return {};
  }

  Result<void> open_capture() {
    const auto open = [&](std::string_view node, const std::string& interface) {
      std::optional<kernel::PacketSocket> out;
      const auto done = run_.network.inside(node, [&]() -> Result<void> {
        auto socket = kernel::PacketSocket::open(interface, {.protocol = ETH_P_IP,
                                                             .filter = JoinDelays::filter(),
                                                             .receive_buffer = 16 << 20,
                                                             .arrival_times = true});
        if (!socket) return std::unexpected(socket.error());
        out = *std::move(socket);
        return {};
      });
      return done ? Result<kernel::PacketSocket>(*std::move(out)) : std::unexpected(done.error());
    };
    auto client = open(kClient, "c1");
    if (!client) return std::unexpected(client.error());
    auto server = open(kServer, "s2");
    if (!server) return std::unexpected(server.error());
    delays_.emplace(*std::move(client), *std::move(server));
    return {};
  }

  Result<std::uint64_t> joined() { return run_.network.mptcp_counter(kServer, "MPJoinAckRx"); }

  /// Until the server has taken `count` more joins than `before`; the time it took from now.
  Result<nanoseconds> wait_joined(std::uint64_t before, std::uint64_t count,
                                  nanoseconds patience = kPatience) {
    const auto start = MonotonicClock::now();
    for (;;) {
      delays_->drain();
      const auto now = joined();
      if (!now) return std::unexpected(now.error());
      if (*now >= before + count) return MonotonicClock::now() - start;
      if (MonotonicClock::now() - start > patience)
        return fail(fmt::format("{} of {} connections have a second subflow after {}",
                                *now - before, count, duration_text(patience)));
      std::this_thread::sleep_for(milliseconds(10));
    }
  }

  Result<HerdProcess> herd(HerdOptions options) {
    options.address = kServerAddress;
    options.ports = kPorts;
    return HerdProcess::start(run_.network, kClient, options);
  }

  /// Measures, and says so in words.
  std::string measure_delays(const std::string& name) {
    delays_->drain();
    auto delays = delays_->take();
    if (delays.empty()) return "no second subflow";
    std::ranges::sort(delays);
    const auto part = [&](double share) {
      const auto place = static_cast<std::size_t>(share * static_cast<double>(delays.size() - 1));
      return std::chrono::duration<double, std::milli>(delays[place]).count();
    };
    run_.measure("join_delay_p50_" + name, part(0.5), "ms");
    run_.measure("join_delay_p99_" + name, part(0.99), "ms");
    run_.measure("join_delay_count_" + name, static_cast<double>(delays.size()), "count");
    return fmt::format("second subflow asked for after {:.2f} ms, p99 {:.2f} ms", part(0.5),
                       part(0.99));
  }

  /// Connections made one after another: nothing waits in any queue.
  Result<void> alone() {
    constexpr nanoseconds kSpacing = milliseconds(10);
    run_.progress.step("one connection at a time", plan_.alone * kSpacing);
    const auto before = joined();
    if (!before) return std::unexpected(before.error());
    auto clients = herd({.connections = plan_.alone, .at_once = 1, .spacing = kSpacing});
    if (!clients) return std::unexpected(clients.error());
    const auto report = clients->report(kPatience, [this] { delays_->drain(); });
    if (!report) return std::unexpected(report.error());
    if (const auto done = wait_joined(*before, plan_.alone); !done)
      return std::unexpected(done.error());
    run_.progress.finish_step(measure_delays("alone"));
    return {};
  }

  Result<void> rush() {
    run_.progress.step(fmt::format("{} connections at once", plan_.held), seconds(20));
    const auto before = joined();
    const auto figures = process_figures(daemon_);
    if (!before || !figures) return fail("the network is gone");
    auto clients = herd({.connections = plan_.held});
    if (!clients) return std::unexpected(clients.error());
    held_ = *std::move(clients);
    const auto report = held_->report(kPatience, [this] { delays_->drain(); });
    if (!report) return std::unexpected(report.error());
    const auto late = wait_joined(*before, report->opened);
    if (!late) return std::unexpected(late.error());
    const auto after = process_figures(daemon_);
    if (!after) return std::unexpected(after.error());
    run_.measure("rush_rate", static_cast<double>(report->opened) / report->seconds, "1/s");
    run_.measure("rush_joined_after", std::chrono::duration<double, std::milli>(*late).count(),
                 "ms");
    run_.measure(
        "rush_processor_per_connection",
        1000 * (after->processor_ms - figures->processor_ms) / static_cast<double>(report->opened),
        "us");
    run_.expect(
        at_least("connections_with_two_subflows", static_cast<double>(report->opened), plan_.held));
    run_.progress.finish_step(
        fmt::format("{} in {:.1f} s; {}", report->opened, report->seconds, measure_delays("rush")));
    return {};
  }

  /// Processor time and memory while things are as they are.
  Result<void> steady(const std::string& name) {
    run_.progress.step(name, plan_.watch);
    const auto start = MonotonicClock::now();
    const auto before = process_figures(daemon_);
    if (!before) return std::unexpected(before.error());
    std::this_thread::sleep_for(plan_.watch);  // the passing of time is what is measured
    const auto after = process_figures(daemon_);
    if (!after) return std::unexpected(after.error());
    const std::chrono::duration<double, std::milli> span = MonotonicClock::now() - start;
    const double processor = 100 * (after->processor_ms - before->processor_ms) / span.count();
    run_.measure("processor_" + name, processor, "%");
    run_.measure("resident_" + name, after->resident_kilobytes / 1000, "MB");
    run_.progress.finish_step(
        fmt::format("{:.1f} % of a core, {:.0f} MB", processor, after->resident_kilobytes / 1000));
    return {};
  }

  Result<void> busy() {
    auto clients = herd({.connections = kBusy, .pause = kBusyPause});
    if (!clients) return std::unexpected(clients.error());
    if (const auto report = clients->report(); !report) return std::unexpected(report.error());
    return steady("busy");
  }

  Result<void> short_ones() {
    run_.progress.step("short connections", plan_.short_ones);
    auto events = EventCounter::start(run_.network);
    if (!events) return std::unexpected(events.error());
    const auto before = process_figures(daemon_);
    const auto start = MonotonicClock::now();
    auto clients = herd({.duration = plan_.short_ones, .at_once = 16});
    if (!clients) return std::unexpected(clients.error());
    const auto report = clients->report(kPatience, [this] { delays_->drain(); });
    if (!report) return std::unexpected(report.error());
    const auto after = process_figures(daemon_);
    if (!before || !after) return fail("the path manager is gone");
    const auto count = static_cast<double>((*events)->count());
    const std::chrono::duration<double> span = MonotonicClock::now() - start;
    const double processor_s = (after->processor_ms - before->processor_ms) / 1000;
    run_.measure("short_connections", static_cast<double>(report->opened) / report->seconds, "1/s");
    run_.measure("events", count / span.count(), "1/s");
    run_.measure("events_per_processor_second", processor_s > 0 ? count / processor_s : 0, "1/s");
    run_.measure("processor_short", 100 * processor_s / span.count(), "%");
    run_.progress.finish_step(fmt::format("{:.0f}/s, {:.0f} events/s, {:.0f} % of a core; {}",
                                          static_cast<double>(report->opened) / report->seconds,
                                          count / span.count(), 100 * processor_s / span.count(),
                                          measure_delays("short")));
    return {};
  }

  /// Events the kernel dropped for sockets of the daemon.
  Result<std::uint64_t> dropped() {
    std::uint64_t out = 0;
    const auto table = read_file(fmt::format("/proc/{}/net/netlink", daemon_));
    if (!table) return std::unexpected(table.error());
    std::istringstream lines(*table);
    for (std::string line; std::getline(lines, line);) {
      std::istringstream words(line);
      std::string place, protocol, port, groups, received, sent, dump, locks, drops;
      words >> place >> protocol >> port >> groups >> received >> sent >> dump >> locks >> drops;
      if (protocol == std::to_string(NETLINK_GENERIC))
        out += std::strtoull(drops.c_str(), nullptr, 10);
    }
    return out;
  }

  /// What the kernel has, as far as it is the path manager's.
  Result<std::size_t> kernel_connections() {
    std::size_t out = 0;
    const auto done = run_.network.inside(kClient, [&]() -> Result<void> {
      auto sockets = kernel::SocketDiag::open();
      if (!sockets) return std::unexpected(sockets.error());
      const auto all = sockets->connections();
      if (!all) return std::unexpected(all.error());
      out = static_cast<std::size_t>(
          std::ranges::count_if(*all, [](const auto& c) { return c.state == 1 && !c.fallback; }));
      return {};
    });
    if (!done) return std::unexpected(done.error());
    return out;
  }

  Result<std::size_t> known_connections() {
    const auto shown = run_.network.ask(kClient, kPathsRole, "show");
    if (!shown) return std::unexpected(shown.error());
    const auto parsed = nlohmann::json::parse(*shown, nullptr, false);
    if (!parsed.is_object() || !parsed.contains("connections_total"))
      return fail("the path manager shows no connections");
    // The list itself is cut off after a thousand.
    return parsed.value("connections_total", std::size_t{0});
  }

  /// The daemon stands still until its queue of events is full, and then has to find out by itself.
  Result<void> overrun() {
    run_.progress.step("events are lost", seconds(20));
    const auto before = joined();
    const auto drops_before = dropped();
    if (!before || !drops_before) return fail("the network is gone");
    ::kill(daemon_, SIGSTOP);
    auto clients = herd({.connections = plan_.stranded});
    Result<HerdReport> report = clients ? clients->report() : std::unexpected(clients.error());
    // Until the queue is full: short ones make events, too.
    auto drops = dropped();
    const auto deadline = MonotonicClock::now() + seconds(60);
    while (report && drops && *drops == *drops_before && MonotonicClock::now() < deadline) {
      auto more = herd({.duration = seconds(1)});
      if (!more || !more->report()) break;
      drops = dropped();
    }
    ::kill(daemon_, SIGCONT);
    const auto start = MonotonicClock::now();
    if (!report) return std::unexpected(report.error());
    if (!drops) return std::unexpected(drops.error());
    run_.expect(at_least("events_lost", static_cast<double>(*drops - *drops_before), 1));
    const auto late = wait_joined(*before, report->opened);
    if (!late) return std::unexpected(late.error());
    run_.measure("healed_two_subflows", std::chrono::duration<double>(*late).count(), "s");
    for (;;) {
      const auto there = kernel_connections();
      const auto known = known_connections();
      if (!there) return std::unexpected(there.error());
      if (!known) return std::unexpected(known.error());
      const std::chrono::duration<double> span = MonotonicClock::now() - start;
      if (*there == *known) {
        run_.measure("healed_known", span.count(), "s");
        break;
      }
      if (span > kPatience)
        return fail(fmt::format("the path manager knows {} of {} connections", *known, *there));
      std::this_thread::sleep_for(milliseconds(50));
    }
    run_.expect(at_most("healed_within", std::chrono::duration<double>(*late).count(), 10));
    run_.progress.finish_step("");
    return {};
  }

  ScenarioRun& run_;
  Plan plan_;
  pid_t daemon_ = 0;
  std::optional<HerdProcess> server_;
  std::optional<HerdProcess> held_;
  std::optional<JoinDelays> delays_;
};

Result<void> paths_load(ScenarioRun& run) {
  return PathsLoad(run).body();
}

}  // namespace

Scenario paths_load_scenario() {
  return {"paths-load",
          "The path manager with thousands of connections",
          topology,
          [](Scale) { return 7u; },
          paths_load,
          true,
          [](Network& network) -> Result<nanoseconds> {
            const auto start = MonotonicClock::now();
            ANABRANCH_TRY(start_manager(network, kClient, Manager::kAnabranch));
            return MonotonicClock::now() - start;
          }};
}

}  // namespace anabranch::lab
