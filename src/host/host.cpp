// SPDX-License-Identifier: MIT
#include "host/host.hpp"

#include <algorithm>
#include <memory>
#include <optional>
#include <random>
#include <set>

#include <fmt/format.h>
#include <signal.h>

#include "base/directories.hpp"
#include "base/log.hpp"
#include "base/loop.hpp"
#include "host/apply.hpp"
#include "host/discovery.hpp"
#include "host/duid.hpp"
#include "host/metrics.hpp"
#include "host/path_set.hpp"
#include "host/plan.hpp"
#include "host/report.hpp"
#include "host/state_file.hpp"
#include "kernel/sysctl.hpp"
#include "status/server.hpp"
#include "wire/dhcp_client_id.hpp"

namespace anabranch::host {
namespace {

using Support = Discovery::Support;
using Change = DhcpClient::Change;

/// Changes come in bursts: an address, its routes, a rule.
constexpr milliseconds kSettle{20};
/// 169.254/16: no DHCP server gave it.
const IpPrefix kLinkLocal(IpAddress::v4(0xa9fe0000), 16);
/// A kernel that refused is asked again.
constexpr seconds kRetry{5};

class Host {
 public:
  Host(std::string interface, const Settings& settings)
      : interface_(std::move(interface)), settings_(settings) {}

  Result<void> run();

 private:
  Result<void> open();
  Result<void> serve_metrics();
  void load_state();
  void save_state();
  void observe();
  void take(const Discovery::Step& step);
  Result<void> adopt_link(const kernel::LinkInfo& link);
  void verdict();
  void withdraw();
  void sync();
  Result<void> sync_paths(MonotonicTime now);
  Result<void> start_path(unsigned index, MonotonicTime now);
  Result<void> apply(MonotonicTime now);
  void path_changed(Path& path, Change change);
  void timers();
  void arm_timer();
  void schedule_sync(nanoseconds delay = {});
  void publish();
  void say_when_ready();
  void complain(const std::string& trouble);
  Report report(MonotonicTime now) const;
  std::vector<unsigned> wanted() const;
  std::function<std::uint32_t()> random() {
    return [this] { return static_cast<std::uint32_t>(engine_()); };
  }
  bool operational() const { return link_ && link_->operational(); }

  std::string interface_;
  Settings settings_;
  Loop loop_;
  std::mt19937 engine_{std::random_device{}()};
  std::optional<kernel::Rtnetlink> netlink_;
  std::optional<kernel::RouteMonitor> monitor_;
  std::optional<kernel::MptcpPathManager> manager_;
  std::optional<status::Server> server_;

  std::optional<kernel::LinkInfo> link_;
  std::optional<IpAddress> address_;
  std::optional<IpAddress> router_;
  std::vector<std::uint8_t> duid_;
  std::optional<Discovery> discovery_;
  std::unique_ptr<DhcpSocket> discovery_socket_;
  Support support_ = Support::kUnknown;
  HostState state_;
  PathSet paths_{loop_, [this](Path& path, Change change) { path_changed(path, change); }};
  std::set<unsigned> unanswered_;  ///< paths nobody offers, and we have said so
  std::vector<unsigned> refresh_;  ///< paths whose address gets the renewed lifetime
  std::size_t ready_ = 0;          ///< number of paths when we last said so
  std::string published_;
  std::string trouble_;  ///< the last thing that could not be done

  LeaseCounts lease_counts_;
  std::optional<status::MetricsServer> metrics_;

  Loop::Handle monitor_watch_;
  Loop::Handle observe_later_;
  Loop::Handle sync_later_;
  Loop::Handle timer_;
};

Result<void> Host::run() {
  ANABRANCH_TRY(open());
  loop_.on_signal({SIGTERM, SIGINT}, [this](int) { loop_.stop(); });
  observe();
  loop_.run();
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
  auto server = status::Server::open(loop_, status::socket_path(status_role(interface_)),
                                     [this](const status::Request& request) -> Result<std::string> {
                                       if (request.verb == "show")
                                         return report_json(report(MonotonicClock::now()));
                                       return fail("unknown verb '" + request.verb + "'", {},
                                                   "the host answers 'show'", ExitCode::kBadInput);
                                     });
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
  if (auto manager = kernel::MptcpPathManager::open())
    manager_ = *std::move(manager);
  else
    log::warning("{}; paths come up, but connections will not use them by themselves",
                 manager.error().what);
  if (const auto enabled = kernel::read_sysctl("net/mptcp/enabled"); enabled && *enabled == "0")
    log::warning("MPTCP is switched off (net.mptcp.enabled=0): connections will use one path");
  duid_ = load_or_make_duid(state_directory() / "duid", link->mac);
  load_state();
  // Here and not only in observe(): without the permission for it there is no point in going on.
  return adopt_link(*link);
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
  const auto& leases = state_.leases;
  paths_.adopt(leases);
  if (!leases.empty())
    log::info("taking over {} of an earlier run on {}",
              leases.size() == 1 ? "one path" : fmt::format("{} paths", leases.size()), interface_);
}

void Host::save_state() {
  state_.ifindex = link_ ? link_->index : 0;
  state_.leases = paths_.leases();
  if (auto kept = replace_file(state_path(interface_), format_state(state_, Clocks{})); !kept)
    log::warning("a restart will not know of the paths: {}", kept.error().text());
}

/// Looks at the physical interface as it is now.
void Host::observe() {
  observe_later_.reset();
  const auto now = MonotonicClock::now();
  const auto links = netlink_->links();
  const auto addresses = netlink_->addresses();
  const auto routes = netlink_->routes();
  if (!links || !addresses || !routes) {
    log::warning("cannot look at {}; trying again", interface_);
    observe_later_ = loop_.after(kRetry, [this] { observe(); });
    return;
  }
  const auto found = std::ranges::find(*links, interface_, &kernel::LinkInfo::name);
  if (found == links->end()) {
    if (link_) log::warning("{} has gone; waiting for it to return", interface_);
    link_.reset();
    paths_.stop_all();
    discovery_.reset();
    discovery_socket_.reset();
    arm_timer();
    return publish();
  }
  if (auto done = adopt_link(*found); !done) log::error("{}", done.error().text());
  address_.reset();
  for (const auto& address : *addresses)
    if (!address_ && address.ifindex == link_->index && address.prefix.family() == Family::kIpv4 &&
        !kLinkLocal.contains(address.prefix.address()))
      address_ = address.prefix.address();
  router_.reset();
  for (const auto& route : *routes)
    if (route.table == kernel::kMainTable && route.to == IpPrefix::any(Family::kIpv4) &&
        route.ifindex == link_->index)
      router_ = route.via;
  if (discovery_) take(discovery_->interface(address_, operational(), now));
  paths_.link(operational(), now);
  sync();
}

/// Another interface under the same name, or with another Ethernet address, begins anew.
Result<void> Host::adopt_link(const kernel::LinkInfo& link) {
  const bool same = link_ && link_->index == link.index && link_->mac == link.mac;
  link_ = link;
  if (same && discovery_socket_) return {};
  if (state_.ifindex != link.index) paths_.forget_adopted();
  paths_.stop_all();
  Discovery::Settings settings;
  settings.mac = link.mac;
  settings.client_id = wire::make_client_id(path_iaid(link.mac, 0), duid_);
  settings.ext_route_code = settings_.ext_route_code;
  settings.random = random();
  discovery_.emplace(std::move(settings));
  auto socket =
      DhcpSocket::open(loop_, interface_, [this](const DhcpMessage& message, const MacAddress&) {
        take(discovery_->receive(message, MonotonicClock::now()));
        arm_timer();
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
  if (before != Support::kYes || !(route == state_.discovered)) {
    state_.discovered = route;
    log::info("{} leads to route {} of {}", interface_, route.index,
              route.count == 0 ? "an unknown number" : std::to_string(route.count));
    save_state();
  }
  schedule_sync();
}

void Host::withdraw() {
  paths_.stop_all();
  paths_.forget_adopted();
  state_ = {};
  ready_ = 0;
  if (auto done = clean_up(interface_); !done) log::error("{}", done.error().text());
}

std::vector<unsigned> Host::wanted() const {
  return wanted_indices(state_.discovered, settings_.max_paths, paths_.progress());
}

void Host::schedule_sync(nanoseconds delay) {
  sync_later_ = loop_.after(delay, [this] { sync(); });
}

void Host::sync() {
  sync_later_.reset();
  const auto now = MonotonicClock::now();
  // A macvlan cannot be set up on an interface that is down; what is there already stays.
  if (support_ == Support::kYes && link_ && link_->admin_up) {
    // A path that cannot start must not keep the others from being applied.
    auto done = sync_paths(now);
    if (auto applied = apply(now); done) done = std::move(applied);
    if (done)
      say_when_ready();
    else
      schedule_sync(kRetry);
    complain(done ? "" : done.error().text());
  }
  arm_timer();
  publish();
}

/// Once for each trouble, not at every attempt.
void Host::complain(const std::string& trouble) {
  if (trouble != trouble_ && !trouble.empty())
    log::error("{}; trying again every {}", trouble, duration_text(kRetry));
  trouble_ = trouble;
}

Result<void> Host::sync_paths(MonotonicTime now) {
  const auto indices = wanted();
  if (paths_.empty() && !indices.empty()) ANABRANCH_TRY(check_tables_free(*netlink_, *link_));
  // What is not wanted goes with apply(): its macvlan is no path's any more.
  paths_.keep_only(indices);
  if (!indices.empty()) ANABRANCH_TRY(prepare_parent(interface_));
  Result<void> first;
  for (const unsigned index : indices)
    if (auto done = start_path(index, now); !done && first) first = std::move(done);
  return first;
}

Result<void> Host::start_path(unsigned index, MonotonicTime now) {
  const auto macvlan = ensure_macvlan(*netlink_, *link_, index);
  if (!macvlan) return std::unexpected(macvlan.error());
  const PathSet::Identity identity{link_->mac, duid_, settings_.ext_route_code, random(),
                                   [this] { return address_; }};
  return paths_.start(identity, index, *macvlan, operational(), now);
}

void Host::path_changed(Path& path, Change change) {
  lease_counts_.note(path.index(), change);
  const auto& lease = path.client().lease();
  switch (change) {
    case Change::kNone:
      break;
    case Change::kObtained:
    case Change::kChanged:
      log::info("path {}: {} on {}{}{}", path.index(), lease->address.text(), path.macvlan().name,
                lease->router() ? " via " + lease->router()->text() : "",
                lease->duration ? fmt::format(", for {}", duration_text(*lease->duration)) : "");
      break;
    case Change::kRenewed:
      log::debug("path {}: {} renewed", path.index(), lease->address.text());
      refresh_.push_back(path.index());
      break;
    case Change::kLost:
      log::warning("path {}: the lease has ended; the path is taken down", path.index());
      break;
  }
  if (change != Change::kNone) {
    // An answer just now: its count is news. A count of 0 says nothing.
    if (lease && lease->route.count != 0) state_.discovered.count = lease->route.count;
    unanswered_.erase(path.index());
    save_state();
  } else if (path.client().state() == DhcpClient::State::kNoOffer &&
             unanswered_.insert(path.index()).second) {
    log::warning(
        "path {}: no DHCP server offers it on {}; asking again every few minutes (a wireless "
        "network or a guarded switch port may let only {}'s own Ethernet address pass)",
        path.index(), path.macvlan().name, interface_);
  }
  schedule_sync();
}

Result<void> Host::apply(MonotonicTime now) {
  HostFacts facts;
  facts.ifindex = link_->index;
  facts.address = address_;
  facts.index = state_.discovered.index;
  facts.paths = static_cast<unsigned>(paths_.size() + 1);
  facts.leased = paths_.leased();
  const auto links = netlink_->links();
  if (!links) return std::unexpected(links.error());
  std::vector<unsigned> leftover;
  for (const auto& link : *links) {
    if (!is_our_macvlan(link, link_->index)) continue;
    facts.macvlans.push_back(link.index);
    if (!paths_.has_macvlan(link.index)) leftover.push_back(link.index);
  }
  const Plan desired = plan(facts, now);
  // The reconciler leaves small differences of lifetimes alone; a short lease is all small
  // differences.
  for (const auto& address : desired.network.addresses)
    for (const auto& path : facts.leased)
      if (path.ifindex == address.ifindex &&
          std::ranges::find(refresh_, path.index) != refresh_.end())
        ANABRANCH_TRY(netlink_->add(address));
  refresh_.clear();
  ANABRANCH_TRY(apply_plan(*netlink_, manager_ ? &*manager_ : nullptr, desired, state_,
                           [this] { save_state(); }));
  for (const unsigned ifindex : leftover) ANABRANCH_TRY(netlink_->delete_link(ifindex));
  paths_.addresses_are_set();
  return {};
}

void Host::say_when_ready() {
  const std::size_t up = 1 + paths_.leased().size();
  if (up != paths_.size() + 1) {
    ready_ = 0;
  } else if (ready_ != up) {
    ready_ = up;
    log::info("host is ready: {} paths", up);
  }
}

void Host::timers() {
  timer_.reset();
  const auto now = MonotonicClock::now();
  if (discovery_) take(discovery_->timer(now));
  paths_.timers(now);
  arm_timer();
}

void Host::arm_timer() {
  const auto asks = discovery_ ? discovery_->next_timer() : MonotonicTime::max();
  const auto next = std::min(asks, paths_.next_timer());
  timer_.reset();
  if (next != MonotonicTime::max()) timer_ = loop_.at(next, [this] { timers(); });
}

Report Host::report(MonotonicTime now) const {
  Report out;
  out.interface = interface_;
  out.support = support_;
  if (support_ != Support::kYes) return out;
  out.count = state_.discovered.count;
  out.paths.push_back({state_.discovered.index,
                       address_,
                       interface_,
                       address_ && operational() ? PathState::kUp : PathState::kDown,
                       router_,
                       {}});
  for (const auto& [index, path] : paths_) {
    const auto& lease = path->client().lease();
    ReportedPath entry{index, {}, path->macvlan().name, PathState::kAcquiring, {}, {}};
    if (lease) {
      entry.address = lease->address.address();
      entry.router = lease->router();
      entry.lease = lease->remaining(now);
      entry.state = operational() ? PathState::kUp : PathState::kDown;
    } else if (path->client().state() == DhcpClient::State::kNoOffer) {
      entry.state = PathState::kNoOffer;
    } else if (!operational()) {
      entry.state = PathState::kDown;
    }
    out.paths.push_back(std::move(entry));
  }
  std::ranges::sort(out.paths, {}, &ReportedPath::index);
  return out;
}

void Host::publish() {
  auto now = report(MonotonicClock::now());
  for (auto& path : now.paths) path.lease.reset();  // time passing is no news
  auto text = report_json(now);
  if (text == published_) return;
  published_ = std::move(text);
  server_->publish();
}

}  // namespace

Result<void> run_host(const std::string& interface, const Settings& settings) {
  Host host(interface, settings);
  return host.run();
}

std::string status_role(const std::string& interface) {
  return "host-" + interface;
}

}  // namespace anabranch::host
