// SPDX-License-Identifier: MIT
#include "balancer/server_role.hpp"

#include <algorithm>
#include <array>
#include <filesystem>
#include <iterator>
#include <map>
#include <optional>
#include <ranges>
#include <set>
#include <utility>

#include <signal.h>
#include <unistd.h>

#include "balancer/control_link.hpp"
#include "balancer/server_announcer.hpp"
#include "balancer/server_connections.hpp"
#include "balancer/server_plane_writer.hpp"
#include "balancer/server_report.hpp"
#include "balancer/server_upkeep.hpp"
#include "base/directories.hpp"
#include "base/log.hpp"
#include "base/loop.hpp"
#include "status/client.hpp"
#include "status/notify.hpp"
#include "status/server.hpp"

namespace anabranch::balancer {
namespace {

constexpr std::string_view kName = "balancer-server";
/// Of what the kernel does not tell of: endpoints, limits, settings, listeners.
constexpr seconds kLookInterval{1};

std::string host_name() {
  std::array<char, 256> out{};
  return ::gethostname(out.data(), out.size() - 1) == 0 ? out.data() : "";
}

class Role {
 public:
  Role(const std::filesystem::path& file, std::string name, BalancerSettings settings,
       Server server)
      : file_(std::filesystem::absolute(file)),
        name_(std::move(name)),
        settings_(std::move(settings)),
        server_(std::move(server)),
        duties_(duties_of(settings_, server_)) {}

  Result<void> run();

 private:
  Result<void> open();
  Result<void> open_plane();
  Result<void> open_control();
  Result<void> serve();
  Result<void> take_back();
  void keep_looking();
  void look_and_tell();
  Result<void> look();
  void tell_findings(std::vector<Finding> found);
  Result<void> read_connections();
  void take_events();
  void tell_balancers();
  void take_history(const History& told);
  Result<void> reload();
  Result<std::string> answer(const status::Request& request);
  Result<std::string> show() const;

  std::filesystem::path file_;
  std::string name_;  ///< as told by the command line
  BalancerSettings settings_;
  Server server_;
  ServerDuties duties_;
  Loop loop_;
  status::ServiceManager service_{loop_};
  std::optional<status::Server> status_;
  std::optional<kernel::Rtnetlink> netlink_;
  std::optional<kernel::RouteMonitor> changes_;
  std::optional<kernel::SocketDiag> sockets_;
  std::optional<kernel::MptcpEventMonitor> events_;
  std::optional<ServerUpkeep> upkeep_;
  std::optional<ServerAnnouncer> announcer_;
  std::optional<ServerPlaneWriter> plane_;  ///< where BPF programs may be loaded
  std::optional<ControlLink> control_;      ///< with a [control]
  ServerConnections connections_;
  MachineFacts facts_;
  std::vector<Finding> findings_;
  std::string complaint_;  ///< of the last look
  Loop::Handle timer_;
  Loop::Handle on_changes_;
  Loop::Handle on_events_;
};

Result<void> Role::run() {
  ANABRANCH_TRY(make_directory(runtime_directory()));
  auto status =
      status::Server::open(loop_, status::socket_path(kName),
                           [this](const status::Request& request) { return answer(request); });
  if (!status) return std::unexpected(status.error());
  status_ = *std::move(status);
  ANABRANCH_TRY(open());
  const auto done = serve();
  const auto back = take_back();
  return done ? back : done;
}

/// What changes nothing.
Result<void> Role::open() {
  const auto keep = [](auto& place, auto opened) -> Result<void> {
    if (!opened) return std::unexpected(opened.error());
    place = *std::move(opened);
    return {};
  };
  ANABRANCH_TRY(keep(netlink_, kernel::Rtnetlink::open()));
  ANABRANCH_TRY(keep(changes_, kernel::RouteMonitor::open()));
  ANABRANCH_TRY(keep(sockets_, kernel::SocketDiag::open()));
  ANABRANCH_TRY(keep(upkeep_, ServerUpkeep::open()));
  ANABRANCH_TRY(keep(announcer_, ServerAnnouncer::open()));
  ANABRANCH_TRY(keep(events_, kernel::MptcpEventMonitor::open()));
  return open_plane();
}

Result<void> Role::open_plane() {
  auto plane = ServerPlaneWriter::open(settings_);
  if (plane) {
    plane_ = *std::move(plane);
    return plane_->configure(settings_, server_);
  }
  if (server_.encapsulates) return std::unexpected(plane.error());
  log::warning(
      "{}; without it connections may begin where only further subflows should, and none is sent "
      "on to the server that had it before",
      plane.error().text());
  return {};
}

Result<void> Role::open_control() {
  if (!settings_.control) return {};
  auto opened = ControlLink::open(
      loop_, *settings_.control, {server_.id, server_.name},
      {.history = [this](const Endpoint&, const History& told) { take_history(told); },
       .presence = [this](const Endpoint&, bool) { status_->publish(); }});
  if (!opened) return std::unexpected(opened.error());
  control_ = *std::move(opened);
  tell_balancers();
  return {};
}

Result<void> Role::serve() {
  // Events are subscribed to already: what begins from now on is not missed.
  connections_.serve(duties_.services);
  ANABRANCH_TRY(read_connections());
  // What the kernel refuses now it may grant at the next look.
  look_and_tell();
  ANABRANCH_TRY(open_control());
  loop_.on_signal({SIGTERM, SIGINT}, [this](int) { loop_.stop(); });
  loop_.on_signal({SIGHUP}, [this](int) { static_cast<void>(reload()); });
  on_events_ = loop_.on_readable(events_->fd(), [this] { take_events(); });
  on_changes_ = loop_.on_readable(changes_->fd(), [this] {
    if (changes_->drain().addresses) look_and_tell();
  });
  timer_ = loop_.after(kLookInterval, [this] { keep_looking(); });
  log::info("{} (id {}) serves {} services, with {} connections now", server_.name, server_.id,
            duties_.services.size(), connections_.count());
  log::info("balancer server is ready");
  service_.ready();
  loop_.run();
  service_.stopping();
  log::info("balancer server ends");
  return {};
}

Result<void> Role::take_back() {
  announcer_->withdraw();
  return upkeep_->take_back();
}

void Role::keep_looking() {
  look_and_tell();
  timer_ = loop_.after(kLookInterval, [this] { keep_looking(); });
}

void Role::look_and_tell() {
  const auto done = look();
  auto complaint = done ? std::string() : done.error().text();
  if (!complaint.empty() && complaint != complaint_) log::error("{}", complaint);
  complaint_ = std::move(complaint);
}

Result<void> Role::look() {
  auto facts = observe_machine(*netlink_, *sockets_, server_, duties_);
  if (!facts) return std::unexpected(facts.error());
  facts_ = *std::move(facts);
  const auto done = upkeep_->apply(duties_.denies_initial, places_of(duties_, facts_.take_joins),
                                   facts_.all_addresses());
  const bool userspace = facts_.manager == kernel::PathManagerType::kUserspace;
  announcer_->set(userspace ? upkeep_->announcements() : std::vector<Announcement>(), connections_);
  tell_findings(judge_machine(server_, duties_, facts_, upkeep_->announcements()));
  if (!plane_) return done;
  const auto interfaces = std::views::keys(facts_.switches);
  const auto looked = plane_->look({interfaces.begin(), interfaces.end()});
  return done ? looked : done;
}

void Role::tell_findings(std::vector<Finding> found) {
  if (found == findings_) return;
  for (const auto& finding : found)
    if (std::ranges::find(findings_, finding) == findings_.end())
      log::warning("{}", finding_text(finding));
  for (const auto& finding : findings_)
    if (std::ranges::find(found, finding) == found.end())
      log::info("no longer so: {}", finding.what);
  findings_ = std::move(found);
  if (status_) status_->publish();
}

Result<void> Role::read_connections() {
  const auto there = sockets_->connections();
  if (!there) return std::unexpected(there.error());
  connections_.replace(*there);
  return {};
}

void Role::take_events() {
  using Type = kernel::MptcpEvent::Type;
  const bool whole = events_->drain([this](const kernel::MptcpEvent& event) {
    connections_.take(event);
    if (event.type == Type::kClosed) announcer_->closed(event.token);
    if (event.type == Type::kEstablished && connections_.concerns(event))
      announcer_->announce(event.token);
  });
  if (!whole) {
    log::warning("the kernel could not tell of every connection; they are read again");
    if (const auto done = read_connections(); !done) log::error("{}", done.error().text());
  }
  tell_balancers();
}

void Role::tell_balancers() {
  const auto changes = connections_.changes();
  if (!control_) return;
  if (!changes.empty()) control_->tell_tokens(changes.learned, changes.gone);
  control_->tell_state({.connections = static_cast<std::uint32_t>(connections_.count())});
}

void Role::take_history(const History& told) {
  if (!plane_) return;
  if (const auto taken = plane_->take(told); !taken) log::error("{}", taken.error().text());
}

Result<void> Role::reload() {
  const status::ServiceManager::Reload told(service_);
  auto fresh = load_balancer_settings(file_);
  auto server = fresh ? this_server(*fresh, name_) : std::unexpected(fresh.error());
  if (!server) {
    log::error("the changed file is refused and the old settings stay:\n{}", server.error().text());
    return std::unexpected(server.error());
  }
  settings_ = *std::move(fresh);
  server_ = *std::move(server);
  duties_ = duties_of(settings_, server_);
  connections_.serve(duties_.services);
  ANABRANCH_TRY(read_connections());
  tell_balancers();
  if (plane_) ANABRANCH_TRY(plane_->configure(settings_, server_));
  // What the kernel refuses now (a join port with connections that end) is tried again.
  look_and_tell();
  log::info("{} read again", file_.string());
  return {};
}

Result<std::string> Role::answer(const status::Request& request) {
  if (request.verb == "show") return show();
  if (request.verb != "reload")
    return fail("the agent does not know '" + request.verb + "'", {}, "show, subscribe, reload",
                ExitCode::kBadInput);
  if (!request.privileged)
    return fail("only root may tell the agent to reload", {}, {}, ExitCode::kNotPermitted);
  ANABRANCH_TRY(reload());
  return "{}";
}

Result<std::string> Role::show() const {
  std::optional<std::vector<std::uint64_t>> arrivals;
  std::map<Endpoint, std::size_t> places;
  if (plane_) {
    for (const auto& service : duties_.services)
      places.emplace(service, plane_->places_from_others(service));
    const auto counts = plane_->counts();
    if (!counts) return std::unexpected(counts.error());
    arrivals.emplace(std::begin(counts->packets), std::end(counts->packets));
  }
  return server_report_json(
      {.file = file_.string(),
       .server = server_,
       .duties = duties_,
       .facts = facts_,
       .announcements = upkeep_->announcements(),
       .findings = findings_,
       .connections = connections_,
       .initial_denied = ServerUpkeep::initial_denied(),
       .trouble = complaint_,
       .balancers = control_ ? control_->balancers() : std::vector<ControlLink::Balancer>(),
       .places_from_others = std::move(places),
       .arrivals = std::move(arrivals)});
}

}  // namespace

Result<Server> this_server(const BalancerSettings& settings, const std::string& name) {
  if (!name.empty()) return find_server(settings, name);
  const auto host = host_name();
  auto found = find_server(settings, host);
  if (const auto dot = host.find('.'); !found && dot != host.npos)
    if (auto without_domain = find_server(settings, host.substr(0, dot))) return without_domain;
  return found;
}

Result<void> run_server(const std::filesystem::path& file, const std::string& name) {
  auto settings = load_balancer_settings(file);
  if (!settings) return std::unexpected(settings.error());
  auto server = this_server(*settings, name);
  if (!server) return std::unexpected(server.error());
  return Role(file, name, *std::move(settings), *std::move(server)).run();
}

Result<ServerCheckup> check_server(const std::filesystem::path& file, const std::string& name) {
  const auto settings = load_balancer_settings(file);
  if (!settings) return std::unexpected(settings.error());
  auto server = this_server(*settings, name);
  if (!server) return std::unexpected(server.error());
  ServerCheckup out{*std::move(server), {}, {}};
  out.duties = duties_of(*settings, out.server);
  auto netlink = kernel::Rtnetlink::open();
  if (!netlink) return std::unexpected(netlink.error());
  auto sockets = kernel::SocketDiag::open();
  if (!sockets) return std::unexpected(sockets.error());
  const auto facts = observe_machine(*netlink, *sockets, out.server, out.duties);
  if (!facts) return std::unexpected(facts.error());
  out.findings = judge_machine(out.server, out.duties, *facts, {});
  return out;
}

Result<void> clean_up_server(const std::filesystem::path& file) {
  if (status::ask(status::socket_path(kName), "show"))
    return fail("the agent runs", {}, "stop it before cleaning up");
  auto upkeep = ServerUpkeep::open();
  if (!upkeep) return std::unexpected(upkeep.error());
  ANABRANCH_TRY(upkeep->take_back());
  // Without the file nothing is known of the program. Who has none has no program either.
  if (!std::filesystem::exists(file)) return {};
  const auto settings = load_balancer_settings(file);
  if (!settings) return std::unexpected(settings.error());
  return ServerPlaneWriter::clean_up(*settings);
}

}  // namespace anabranch::balancer
