// SPDX-License-Identifier: MIT
#include "balancer/role.hpp"

#include <algorithm>
#include <array>
#include <optional>
#include <set>
#include <span>
#include <thread>

#include <fmt/core.h>
#include <signal.h>

#include "balancer/control_listener.hpp"
#include "balancer/metrics.hpp"
#include "balancer/next_hops.hpp"
#include "balancer/plane_writer.hpp"
#include "balancer/report.hpp"
#include "balancer/roster.hpp"
#include "base/directories.hpp"
#include "base/log.hpp"
#include "base/loop.hpp"
#include "status/client.hpp"
#include "status/metrics.hpp"
#include "status/notify.hpp"
#include "status/server.hpp"

namespace anabranch::balancer {
namespace {

/// How often neighbours and routes are looked at.
constexpr seconds kLookInterval{1};
/// Before the first packet is steered servers have this long to be found; at a restart the kernel
/// knows them still.
constexpr milliseconds kFirstLook{2000};
constexpr milliseconds kFirstLookPause{20};
/// The same for servers' first checks: until then an earlier process's rings hold, if there was
/// one.
constexpr seconds kFirstChecks{3};
/// For this long new rings wait for servers to know whose places they get, or for longer when one
/// of them is new.
constexpr milliseconds kTelling{500};
/// How often rings follow the weight of servers that start slowly. Every new ring moves connections
/// that are not remembered.
constexpr seconds kGrowth{2};

Result<unsigned> interface_index(const std::string& name) {
  auto netlink = kernel::Rtnetlink::open();
  if (!netlink) return std::unexpected(netlink.error());
  const auto link = netlink->link(name);
  if (!link) return std::unexpected(link.error());
  return link->index;
}

class Role {
 public:
  Role(const std::filesystem::path& file, BalancerSettings settings)
      : file_(std::filesystem::absolute(file)), settings_(std::move(settings)) {}

  Result<void> run();

 private:
  Result<void> prepare();
  void steer_when_checked();
  Result<void> begin_to_steer();
  Result<void> steer();
  Result<void> write();
  bool have_taken() const;
  void servers_know();
  void steer_anew();
  Result<NextHops> first_next_hops();
  Result<void> open_control();
  void keep_looking();
  Result<void> look();
  void tell_changes(const NextHops& found) const;
  Result<void> serve_metrics();
  Result<void> reload();
  Result<void> read_again();
  Result<std::string> answer(const status::Request& request);
  Result<BalancerView> view() const;
  Result<Traffic> traffic() const;

  std::filesystem::path file_;
  BalancerSettings settings_;
  unsigned interface_ = 0;
  Loop loop_;
  status::ServiceManager service_{loop_};
  std::optional<status::Server> server_;
  std::optional<kernel::BalancerPlane> plane_;
  std::optional<PlaneWriter> writer_;
  std::optional<NextHopFinder> finder_;
  std::optional<ControlListener> control_;
  std::optional<Roster> roster_;
  std::optional<status::MetricsServer> metrics_;
  ServiceNumbers numbers_;
  NextHops next_hops_;
  PlaneContents contents_;
  TrafficRates rates_;
  std::uint64_t reloads_ = 0;
  bool steers_ = false;   ///< false: it prepares to
  Result<void> outcome_;  ///< an error ends the loop
  Loop::Handle look_timer_;
  Loop::Handle checked_timer_;
  Loop::Handle growth_timer_;
  Loop::Handle telling_timer_;  ///< contents_ are to be written by then
};

Result<void> Role::run() {
  ANABRANCH_TRY(make_directory(runtime_directory()));
  auto server =
      status::Server::open(loop_, status::socket_path("balancer"),
                           [this](const status::Request& request) { return answer(request); });
  if (!server) return std::unexpected(server.error());
  server_ = *std::move(server);
  ANABRANCH_TRY(prepare());
  loop_.on_signal({SIGTERM, SIGINT}, [this](int) { loop_.stop(); });
  loop_.on_signal({SIGHUP}, [this](int) { static_cast<void>(reload()); });
  checked_timer_ = loop_.after(roster_->settled() ? nanoseconds(0) : kFirstChecks,
                               [this] { steer_when_checked(); });
  loop_.run();
  if (!outcome_) return outcome_;
  if (telling_timer_) servers_know();
  service_.stopping();
  log::info("balancer ends; the data plane goes on");
  return {};
}

/// All that an earlier process's data plane does not notice.
Result<void> Role::prepare() {
  const auto interface = interface_index(settings_.interface);
  if (!interface) return std::unexpected(interface.error());
  interface_ = *interface;
  auto plane = kernel::BalancerPlane::open(
      {.pins = settings_.pins, .connections = settings_.connections, .tokens = settings_.tokens});
  if (!plane) return std::unexpected(plane.error());
  plane_ = *std::move(plane);
  writer_.emplace(*plane_);
  auto finder = NextHopFinder::open();
  if (!finder) return std::unexpected(finder.error());
  finder_ = *std::move(finder);
  auto former = writer_->take_over();
  if (!former) return std::unexpected(former.error());
  if (!former->empty()) log::info("takes over a data plane with {} services", former->size());
  numbers_ = *std::move(former);
  roster_.emplace(loop_, state_directory() / "balancer-drained.json", [this] {
    if (steers_)
      steer_anew();
    else if (roster_->settled())
      steer_when_checked();
  });
  ANABRANCH_TRY(roster_->follow(settings_));
  auto next_hops = first_next_hops();
  if (!next_hops) return std::unexpected(next_hops.error());
  tell_changes(*next_hops);
  next_hops_ = *std::move(next_hops);
  if (!NextHopFinder::complete(settings_.servers, next_hops_))
    log::warning("not every server's link address is known yet; packets for the others are lost");
  ANABRANCH_TRY(open_control());
  return serve_metrics();
}

void Role::steer_when_checked() {
  checked_timer_.reset();
  if (outcome_ = begin_to_steer(); !outcome_) return loop_.stop();
  steers_ = true;
  keep_looking();
  log::info("steers {} services over {} servers on {} by {}", settings_.vips.size(),
            settings_.servers.size(), settings_.interface, hook_name(settings_.hook));
  log::info("balancer is ready");
  service_.ready();
}

/// The programs are the last to come, when everything is there that they ask for.
Result<void> Role::begin_to_steer() {
  ANABRANCH_TRY(steer());
  return plane_->attach(interface_, settings_.hook);
}

/// Makes the data plane what settings, servers and neighbours ask for.
Result<void> Role::steer() {
  const auto& weights = roster_->weigh(settings_, MonotonicClock::now());
  numbers_ = number_services(settings_.vips, numbers_);
  contents_ = plan(settings_, numbers_, next_hops_, weights, contents_);
  growth_timer_.reset();
  if (weights.any_starting()) growth_timer_ = loop_.after(kGrowth, [this] { steer_anew(); });
  service_.say(fmt::format("{} services over {} servers, of which {} get no new connections",
                           settings_.vips.size(), settings_.servers.size(),
                           weights.leaving.size()));
  if (!control_) return write();
  // A server that gets places is to know first whose they were: it would reset what it does not
  // know.
  const bool has_newcomers = control_->set_servers(settings_.servers);
  control_->publish(numbers_, contents_.rings);
  if (have_taken()) return write();
  if (!telling_timer_)
    telling_timer_ = loop_.after(has_newcomers ? ControlListener::kNewcomer : kTelling,
                                 [this] { servers_know(); });
  return {};
}

Result<void> Role::write() {
  telling_timer_.reset();
  return writer_->apply(contents_);
}

/// Those that have places.
bool Role::have_taken() const {
  std::set<std::uint16_t> owners;
  for (const auto& [service, ring] : contents_.rings) owners.insert(ring.begin(), ring.end());
  return std::ranges::all_of(owners, [this](auto server) { return control_->has_taken(server); });
}

/// Or have had the time.
void Role::servers_know() {
  if (const auto done = write(); !done) log::error("{}", done.error().text());
}

void Role::steer_anew() {
  // What could not be written is tried again with the next look.
  if (const auto done = steer(); !done) log::error("{}", done.error().text());
}

Result<void> Role::open_control() {
  if (!settings_.control) return {};
  const auto told = [this](std::uint16_t server, std::span<const std::uint32_t> learned,
                           std::span<const std::uint32_t> gone) {
    auto done = plane_->set_tokens(server, learned);
    if (done) done = plane_->remove_tokens(server, gone);
    if (!done) log::error("tokens of server {}: {}", server, done.error().text());
  };
  auto opened = ControlListener::open(
      loop_, *settings_.control, settings_.servers,
      {.tokens = told, .presence = {}, .state = {}, .taken = [this](std::uint16_t) {
         if (telling_timer_ && have_taken()) servers_know();
       }});
  if (!opened) return std::unexpected(opened.error());
  control_ = *std::move(opened);
  return {};
}

Result<NextHops> Role::first_next_hops() {
  const auto deadline = std::chrono::steady_clock::now() + kFirstLook;
  while (true) {
    auto found = finder_->find(settings_.servers);
    if (!found || NextHopFinder::complete(settings_.servers, *found) ||
        std::chrono::steady_clock::now() >= deadline)
      return found;
    std::this_thread::sleep_for(kFirstLookPause);
  }
}

void Role::keep_looking() {
  if (const auto done = look(); !done) log::error("{}", done.error().text());
  if (auto counted = traffic(); counted) rates_.take(*std::move(counted), MonotonicClock::now());
  look_timer_ = loop_.after(kLookInterval, [this] { keep_looking(); });
}

Result<void> Role::look() {
  auto found = finder_->find(settings_.servers);
  if (!found) return std::unexpected(found.error());
  tell_changes(*found);
  next_hops_ = *std::move(found);
  // Rings take milliseconds to make and do not change by this.
  contents_.servers = plan_servers(settings_, next_hops_, roster_->weights().leaving);
  if (telling_timer_) return {};  // they are written with the rings
  return writer_->apply(contents_);
}

void Role::tell_changes(const NextHops& found) const {
  for (const auto& server : settings_.servers)
    for (const auto& address : server.addresses) {
      if (!address) continue;
      const std::pair key{server.id, address->family()};
      const auto now = found.find(key);
      if (now == found.end()) continue;
      const auto text = next_hop_text(now->second);
      const auto before = next_hops_.find(key);
      if (before == next_hops_.end() || next_hop_text(before->second) != text)
        log::info("{} is reached by {} at {}", server.name, address->text(), text);
    }
}

Result<void> Role::serve_metrics() {
  metrics_.reset();
  if (!settings_.metrics) return {};
  auto served = status::MetricsServer::open(loop_, *settings_.metrics, [this] {
    const auto now = view();
    return now ? balancer_metrics(*now) : std::vector<status::Metric>();
  });
  if (!served) return std::unexpected(served.error());
  metrics_ = *std::move(served);
  return {};
}

Result<void> Role::reload() {
  const status::ServiceManager::Reload told(service_);
  if (const auto taken = read_again(); !taken) {
    log::error("the changed file is refused and the old settings stay:\n{}", taken.error().text());
    return taken;
  }
  // A new server's neighbour entry is to be there before its places are.
  if (auto found = first_next_hops()) {
    tell_changes(*found);
    next_hops_ = *std::move(found);
  } else {
    log::error("{}", found.error().text());
  }
  ++reloads_;
  log::info("{} read again", file_.string());
  // Before the first checks are over everything is still to come.
  if (!steers_) return {};
  const auto done = steer();
  if (!done) log::error("{}", done.error().text());
  return done;
}

Result<void> Role::read_again() {
  auto fresh = load_balancer_settings(file_);
  if (!fresh) return std::unexpected(fresh.error());
  if (fresh->interface != settings_.interface || fresh->hook != settings_.hook ||
      fresh->pins != settings_.pins || fresh->connections != settings_.connections ||
      fresh->tokens != settings_.tokens)
    log::warning("interface, hook, pins, connections and tokens are taken at the next start only");
  fresh->interface = settings_.interface;
  fresh->hook = settings_.hook;
  fresh->pins = settings_.pins;
  fresh->connections = settings_.connections;
  fresh->tokens = settings_.tokens;
  ANABRANCH_TRY(roster_->follow(*fresh));
  const bool metrics_moved = fresh->metrics != settings_.metrics;
  settings_ = *std::move(fresh);
  if (metrics_moved)
    if (const auto served = serve_metrics(); !served) log::error("{}", served.error().text());
  return {};
}

Result<std::string> Role::answer(const status::Request& request) {
  constexpr std::array<std::string_view, 4> kVerbs{"show", "reload", "drain", "undrain"};
  if (std::ranges::find(kVerbs, request.verb) == kVerbs.end())
    return fail("the balancer does not know '" + request.verb + "'", {},
                "show, subscribe, reload, drain, undrain", ExitCode::kBadInput);
  if (request.verb != "show" && !request.privileged)
    return fail("only root may tell the balancer to " + request.verb, {}, {},
                ExitCode::kNotPermitted);
  if (!steers_) return fail("the balancer is starting");
  if (request.verb == "show") {
    const auto now = view();
    if (!now) return std::unexpected(now.error());
    return balancer_report_json(*now);
  }
  if (request.verb == "reload") {
    ANABRANCH_TRY(reload());
  } else {
    ANABRANCH_TRY(roster_->drain(settings_, request.argument, request.verb == "drain"));
    ANABRANCH_TRY(steer());
  }
  return "{}";
}

Result<BalancerView> Role::view() const {
  if (!steers_) return fail("the balancer is starting");
  BalancerView out{.file = file_.string(),
                   .settings = settings_,
                   .numbers = numbers_,
                   .contents = contents_,
                   .weights = roster_->weights(),
                   .health = roster_->health(),
                   .drained = roster_->drained(),
                   .rates = rates_,
                   .rings_written = writer_->rings_written(),
                   .reloads = reloads_,
                   .control = control_ ? &*control_ : nullptr,
                   .now = MonotonicClock::now()};
  for (const auto& [endpoint, number] : numbers_) {
    const auto counts = plane_->counts(number);
    if (!counts) return std::unexpected(counts.error());
    out.counts.emplace(number, *counts);
  }
  auto traffic_now = traffic();
  if (!traffic_now) return std::unexpected(traffic_now.error());
  out.traffic = *std::move(traffic_now);
  return out;
}

Result<Traffic> Role::traffic() const {
  Traffic out;
  for (const auto& server : settings_.servers) {
    const auto traffic = plane_->traffic(server.id);
    if (!traffic) return std::unexpected(traffic.error());
    out.emplace(server.id, *traffic);
  }
  return out;
}

}  // namespace

Result<void> run_balancer(const std::filesystem::path& file) {
  auto settings = load_balancer_settings(file);
  if (!settings) return std::unexpected(settings.error());
  return Role(file, *std::move(settings)).run();
}

Result<void> clean_up_balancer(const std::filesystem::path& file) {
  const auto settings = load_balancer_settings(file);
  if (!settings) return std::unexpected(settings.error());
  if (status::ask(status::socket_path("balancer"), "show"))
    return fail("the balancer runs", {}, "stop it before cleaning up");
  const auto interface = interface_index(settings->interface);
  if (interface) ANABRANCH_TRY(kernel::BalancerPlane::detach(*interface, settings->pins));
  return kernel::BalancerPlane::forget(settings->pins);
}

}  // namespace anabranch::balancer
