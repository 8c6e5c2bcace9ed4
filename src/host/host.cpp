// SPDX-License-Identifier: MIT
#include "host/host.hpp"

#include <algorithm>

#include <signal.h>

#include "base/directories.hpp"
#include "base/log.hpp"
#include "host/apply.hpp"
#include "host/duid.hpp"
#include "host/host_role.hpp"
#include "host/interface_view.hpp"
#include "host/lease_memory.hpp"
#include "host/metrics.hpp"
#include "kernel/sysctl.hpp"
#include "wire/dhcp_client_id.hpp"

namespace anabranch::host {
namespace {

/// Changes come in bursts: an address, its routes, a rule.
constexpr milliseconds kSettle{20};

}  // namespace

Result<void> Host::run() {
  ANABRANCH_TRY(open());
  loop_.on_signal({SIGTERM, SIGINT}, [this](int) { loop_.stop(); });
  loop_.on_signal({SIGHUP}, [this](int) { static_cast<void>(reload()); });
  observe();
  // From here on it follows its interface; whether the network has further paths is another matter.
  service_.ready();
  loop_.run();
  service_.stopping();
  if (!paths_.empty())
    log::info(
        "host ends; the paths stay until their leases end ('anabranch host cleanup {}' removes "
        "them)",
        interface_);
  return {};
}

Result<void> Host::open() {
  auto netlink = kernel::Rtnetlink::open();
  if (!netlink) return std::unexpected(netlink.error());
  netlink_ = *std::move(netlink);
  const auto link = netlink_->link(interface_);
  if (!link) return std::unexpected(link.error());
  ANABRANCH_TRY(make_directory(runtime_directory()));
  auto server =
      status::Server::open(loop_, status::socket_path(status_role(interface_)),
                           [this](const status::Request& request) { return answer(request); });
  if (!server) return std::unexpected(server.error());
  server_ = *std::move(server);
  ANABRANCH_TRY(serve_metrics());
  auto monitor = kernel::RouteMonitor::open();
  if (!monitor) return std::unexpected(monitor.error());
  monitor_ = *std::move(monitor);
  monitor_watch_ = loop_.on_readable(monitor_->fd(), [this] {
    if (monitor_->drain().any() && !observe_later_)
      observe_later_ = loop_.after(kSettle, [this] { observe(); });
  });
  auto clock = kernel::ClockWatch::open();
  if (!clock) return std::unexpected(clock.error());
  clock_ = *std::move(clock);
  clock_watch_ = loop_.on_readable(clock_->fd(), [this] { clock_jumped(); });
  if (auto manager = kernel::MptcpPathManager::open())
    manager_ = *std::move(manager);
  else
    log::warning("{}; paths come up, but connections will not use them by themselves",
                 manager.error().what);
  if (const auto enabled = kernel::read_sysctl("net/mptcp/enabled"); enabled && *enabled == "0")
    log::warning("MPTCP is switched off (net.mptcp.enabled=0): connections will use one path");
  duid_ = load_or_make_duid(state_directory() / "duid", link->mac);
  secret_ = load_or_make_secret(state_directory() / "ipv6-secret");
  load_state();
  // Here and not only in observe(): without the permission for it there is no point in going on.
  return adopt_link(*link);
}

Result<std::string> Host::answer(const status::Request& request) {
  if (request.verb == "show") return report_json(report(MonotonicClock::now()));
  if (request.verb != "reload")
    return fail("the host does not know '" + request.verb + "'", {}, "show, subscribe, reload",
                ExitCode::kBadInput);
  if (!request.privileged)
    return fail("only root may make the host reload", {}, {}, ExitCode::kNotPermitted);
  if (const auto done = reload(); !done) return std::unexpected(done.error());
  return "{}";
}

Result<void> Host::reload() {
  const status::ServiceManager::Reload told(service_);
  const auto fresh = file_.load();
  if (!fresh) {
    log::error("the changed file is refused and the old settings stay:\n{}", fresh.error().text());
    return std::unexpected(fresh.error());
  }
  const Settings old = std::exchange(settings_, *fresh);
  log::info("{} read again: at most {} paths, EXT_ROUTE is option {}", file_.path.string(),
            settings_.max_paths, settings_.ext_route_code);
  if (settings_.interfaces != old.interfaces) {
    attachment_ = AttachmentChoice(settings_.interfaces, kernel::is_wireless(interface_));
    attachment_.network(address_ ? std::optional(address_->without_host_bits()) : std::nullopt);
  }
  if (settings_.metrics != old.metrics)
    if (const auto served = serve_metrics(); !served) log::error("{}", served.error().text());
  if (settings_.ext_route_code != old.ext_route_code) {
    // Who asks, and what the clients send, carries the code: both begin anew, with the leases.
    paths_.adopt(paths_.leases());
    discovery_socket_.reset();
    observe();
  } else {
    sync();
  }
  return {};
}

Result<void> Host::serve_metrics() {
  metrics_.reset();
  if (!settings_.metrics) return {};
  auto served = status::MetricsServer::open(loop_, *settings_.metrics, [this] {
    return metrics(report(MonotonicClock::now()), lease_counts_);
  });
  if (!served) return std::unexpected(served.error());
  metrics_ = *std::move(served);
  return {};
}

void Host::load_state() {
  const auto content = read_file(state_path(interface_));
  if (!content) return;
  auto parsed = parse_state(*content, Clocks{});
  if (!parsed) return log::warning("{}: {}", state_path(interface_).string(), parsed.error().what);
  state_ = *std::move(parsed);
  if (state_.discovered.index != 0) support_ = Support::kYes;
  own_converters_ = state_.converters;
  const auto& leases = state_.leases;
  paths_.adopt(leases);
  adopt_domains();
  placed_ = !leases.empty() || !state_.domains.empty() || !state_.endpoints.empty();
  if (!leases.empty())
    log::info("taking over {} of an earlier run on {}",
              leases.size() == 1 ? "one path" : fmt::format("{} paths", leases.size()), interface_);
}

void Host::save_state() {
  state_.ifindex = link_ ? link_->index : 0;
  state_.leases = paths_.leases();
  state_.shared_on = attachment_.learned_on();
  state_.domains = domains_.table().domains();
  state_.leases6 = paths6_.leases();
  state_.converters = own_converters_;
  state_.ipv6.clear();
  for (const auto& address : slaac_.addresses())
    if (address.conflicts > 0)
      state_.ipv6.push_back({address.place, address.chosen.counter, address.conflicts});
  if (auto kept = replace_file(state_path(interface_), format_state(state_, Clocks{})); !kept)
    log::warning("a restart will not know of the paths: {}", kept.error().text());
}

/// Leases to ask for again after a restart of the machine, if they are `mac`'s.
void Host::remember(const MacAddress& mac) {
  if (memory_of_ == mac) return;
  memory_of_ = mac;
  paths_.remember(load_leases(interface_, mac));
}

void Host::save_memory() {
  if (const auto leases = paths_.changed_memory()) store_leases(interface_, memory_of_, *leases);
}

/// The machine has slept, or its wall clock was set, by which the files tell time.
void Host::clock_jumped() {
  const auto slept = clock_->take();
  if (!slept) return log::warning("{}", slept.error().text());
  if (*slept > nanoseconds{0})
    log::info("the machine has slept for {}; leases have gone on", duration_text(*slept));
  const auto time = std::chrono::duration_cast<MonotonicClock::duration>(*slept);
  paths_.slept(time, MonotonicClock::now());
  paths6_.slept(time, MonotonicClock::now());
  domains_.slept(time);
  save_state();
  save_memory();
  arm_timer();
}

/// Looks at the physical interface as it is now.
void Host::observe() {
  observe_later_.reset();
  const auto now = MonotonicClock::now();
  const bool was_operational = operational();
  auto view = look_at(*netlink_, interface_);
  if (!view) {
    log::warning("cannot look at {}; trying again", interface_);
    observe_later_ = loop_.after(kRetry, [this] { observe(); });
    return;
  }
  if (!view->link) {
    if (link_) log::warning("{} has gone; waiting for it to return", interface_);
    link_.reset();
    applied_.reset();
    parent_prepared_ = false;
    paths_.stop_all();
    forget_domains();
    discovery_.reset();
    discovery_socket_.reset();
    arm_timer();
    return publish();
  }
  if (auto done = adopt_link(*view->link); !done) log::error("{}", done.error().text());
  // The kernel itself takes the routes of an interface that is set down.
  if (!link_->admin_up) applied_.reset();
  address_ = view->address;
  own_addresses_ = std::move(view->addresses);
  own_macs_ = std::move(view->macs);
  // Set again they come last; sync() does it.
  for (const auto& address : view->in_front)
    if (auto done = netlink_->remove(address); !done) log::error("{}", done.error().text());
  if (!view->in_front.empty()) applied_.reset();
  attachment_.network(address_ ? std::optional(address_->without_host_bits()) : std::nullopt);
  router_ = netlink_->default_router(link_->index);
  if (discovery_) take(discovery_->interface(own_address(), operational(), now));
  if (operational() != was_operational) {
    paths_.link(operational(), now);
    if (operational()) domains_.link_returned(now, random()());
  }
  observe_ipv6(*view, now);
  if (now >= pace_.not_before())
    sync();
  else if (!sync_later_)
    schedule_sync(pace_.not_before() - now);
}

/// Another interface under the same name, or with another Ethernet address, begins anew.
Result<void> Host::adopt_link(const kernel::LinkInfo& link) {
  const bool same = link_ && link_->index == link.index && link_->mac == link.mac;
  link_ = link;
  if (same && discovery_socket_) return {};
  if (state_.ifindex != link.index) {
    paths_.forget_adopted();
    own_converters_.clear();
  }
  if (!same && (discovery_socket_ || state_.ifindex != link.index)) forget_domains();
  if (discovery_socket_) attachment_.forget();
  if (state_.ifindex == link.index && state_.shared_on) attachment_.remember(*state_.shared_on);
  paths_.stop_all();
  remember(link.mac);
  applied_.reset();
  parent_prepared_ = false;
  Discovery::Settings settings;
  settings.mac = link.mac;
  settings.client_id = wire::make_client_id(path_iaid(link.mac, 0), duid_);
  settings.ext_route_code = settings_.ext_route_code;
  settings.random = random();
  discovery_.emplace(std::move(settings));
  auto socket = DhcpSocket::open(loop_, interface_, std::nullopt,
                                 [this](const DhcpMessage& message, const MacAddress&) {
                                   if (!discovery_->expects(message)) return false;
                                   take(discovery_->receive(message, MonotonicClock::now()));
                                   arm_timer();
                                   return true;
                                 });
  if (!socket) return std::unexpected(socket.error());
  discovery_socket_ = *std::move(socket);
  return {};
}

void Host::take(const Discovery::Step& step) {
  if (step.send && discovery_socket_) {
    log::debug("asking on {} how many paths there are (DHCP {})", interface_,
               step.send->message.type == DhcpType::kInform ? "INFORM" : "DISCOVER");
    discovery_socket_->send(*step.send);
  }
  if (step.verdict) verdict();
}

void Host::verdict() {
  const auto before = support_;
  support_ = discovery_->support();
  const bool news = own_converters_ != discovery_->converters();
  own_converters_ = discovery_->converters();
  if (support_ == Support::kNo) {
    if (before == Support::kYes) {
      log::warning(
          "the DHCP server of {} offers no further paths (EXT_ROUTE) any more; removing them",
          interface_);
      withdraw();
    } else if (before == Support::kUnknown) {
      log::info(
          "the DHCP server of {} does not offer further paths (no EXT_ROUTE); nothing was changed",
          interface_);
    }
    return publish();
  }
  const auto& route = discovery_->route();
  const bool another = before != Support::kYes || !(route == state_.discovered);
  state_.discovered = route;
  if (another)
    log::info("{} leads to route {} of {}", interface_, route.index,
              route.count == 0 ? "an unknown number" : std::to_string(route.count));
  if (another || news) save_state();
  schedule_sync();
}

void Host::withdraw() {
  paths_.stop_all();
  paths_.forget_adopted();
  state_.discovered = {};
  schedule_sync();
}

void Host::timers() {
  timer_.reset();
  const auto now = MonotonicClock::now();
  if (discovery_) take(discovery_->timer(now));
  paths_.timers(now);
  paths6_.timers(now);
  const bool ended = domains_.timer(now);
  if (ended || (support_ == Support::kYes && now >= attachment_.next_timer())) return sync();
  arm_timer();
}

void Host::arm_timer() {
  const auto asks = discovery_ ? discovery_->next_timer() : MonotonicTime::max();
  const auto chooses =
      support_ == Support::kYes && operational() ? attachment_.next_timer() : MonotonicTime::max();
  const auto next =
      std::min({asks, paths_.next_timer(), paths6_.next_timer(), chooses, domains_.next_timer()});
  timer_.reset();
  if (next != MonotonicTime::max()) timer_ = loop_.at(next, [this] { timers(); });
}

bool Host::in_place(const IpAddress& address) const {
  return applied_ && std::ranges::any_of(applied_->network.addresses, [&](const auto& entry) {
           return entry.prefix.address() == address;
         });
}

Report Host::report(MonotonicTime now) const {
  Report out;
  out.interface = interface_;
  out.attachment = attachment_.attachment();
  out.reason = attachment_.reason();
  out.support = support_;
  out.advertisements = domains_.counts();
  out.converters = told_converters();
  if (!has_paths()) return out;
  out.support = Support::kYes;
  out.count = support_ == Support::kYes ? state_.discovered.count : domains_.table().count();
  if (support_ == Support::kYes || address_) {
    ReportedPath own;
    own.index = own_index();
    own.address = own_address();
    own.interface = interface_;
    own.state = address_ && operational() ? PathState::kUp : PathState::kDown;
    own.router = router_;
    out.paths.push_back(std::move(own));
  }
  for (const auto& [index, path] : paths_) {
    auto entry = report_path(*path, operational(), now);
    // The lease alone carries nothing: up is what the kernel has been told.
    if (entry.state == PathState::kUp && !in_place(*entry.address))
      entry.state = PathState::kAcquiring;
    out.paths.push_back(std::move(entry));
  }
  report_ipv6(out, now);
  std::ranges::stable_sort(out.paths, {}, &ReportedPath::index);
  return out;
}

/// The interface's own path first, which programs without MPTCP use.
std::vector<ToldConverter> Host::told_converters() const {
  std::vector<ToldConverter> out;
  add_told(out, std::max(own_index(), 1u), own_converters_);
  for (const auto& lease : paths_.leases()) add_told(out, lease.route.index, lease.converters);
  for (const auto& lease : paths6_.leases()) add_told(out, lease.route.index, lease.converters);
  return out;
}

void Host::say_converters(std::vector<ToldConverter> now) {
  if (now == said_converters_ || !converter_lines_.allow(MonotonicClock::now())) return;
  said_converters_ = std::move(now);
  log::info("{}: converters that DHCP tells of: {}{}", interface_, told_text(said_converters_),
            converter_lines_.remark());
}

void Host::publish() {
  auto now = report(MonotonicClock::now());
  say_converters(now.converters);
  // Time passing is no news, nor are packets that lead to nothing.
  now.advertisements = {};
  for (auto& path : now.paths) {
    path.lease.reset();
    path.ignored = 0;
  }
  service_.say(link_ ? report_sentence(now) : interface_ + " is gone");
  auto text = report_json(now);
  if (text == published_) return;
  published_ = std::move(text);
  server_->publish();
}

Result<void> run_host(const std::string& interface, SettingsFile file) {
  const auto settings = file.load();
  if (!settings) return std::unexpected(settings.error());
  Host host(interface, std::move(file), *settings);
  return host.run();
}

std::string status_role(const std::string& interface) {
  return "host-" + interface;
}

}  // namespace anabranch::host
