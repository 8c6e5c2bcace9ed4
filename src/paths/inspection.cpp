// SPDX-License-Identifier: MIT
// Reads only, unless trials are asked for; the one exception is a connection to ourselves over the
// loopback, where the counters say that blackhole detection may be at work.
#include "paths/inspection.hpp"

#include <algorithm>
#include <charconv>
#include <iterator>

#include <fmt/core.h>

#include "kernel/mptcp_commands.hpp"
#include "kernel/mptcp_counters.hpp"
#include "kernel/mptcp_socket.hpp"
#include "kernel/route_lookup.hpp"
#include "kernel/rtnetlink.hpp"
#include "kernel/socket_diag.hpp"
#include "kernel/sysctl.hpp"
#include "paths/daemon_view.hpp"
#include "paths/trial.hpp"
#include "status/client.hpp"
#include "status/server.hpp"

namespace anabranch::paths {
namespace {

constexpr std::uint8_t kEstablished = 1;
/// SYN_SENT and SYN_RECV; beyond them a subflow is being closed, perhaps with data that never goes.
constexpr std::uint8_t kLastOpening = 3;
constexpr std::string_view kRole = "paths";

unsigned number_of(const std::string& key) {
  const auto text = kernel::read_sysctl(key);
  unsigned out = 0;
  if (text) std::from_chars(text->data(), text->data() + text->size(), out);
  return out;
}

unsigned rp_filter_of(const std::string& interface) {
  return std::max(number_of("net/ipv4/conf/all/rp_filter"),
                  number_of("net/ipv4/conf/" + interface + "/rp_filter"));
}

Result<std::vector<LocalAddress>> local_addresses() {
  auto netlink = kernel::Rtnetlink::open();
  if (!netlink) return std::unexpected(netlink.error());
  const auto links = netlink->links();
  if (!links) return std::unexpected(links.error());
  const auto addresses = netlink->addresses();
  if (!addresses) return std::unexpected(addresses.error());
  std::vector<LocalAddress> out;
  for (const auto& address : *addresses) {
    const auto link = std::ranges::find(*links, address.ifindex, &kernel::LinkInfo::index);
    if (link == links->end()) continue;
    LocalAddress local;
    local.address = address.prefix.address();
    local.interface = link->name;
    local.ifindex = link->index;
    local.loopback_interface = link->name == "lo";
    local.admin_up = link->admin_up;
    local.carrier = link->carrier;
    if (address.tentative) local.unusable = "it is still being checked for duplicates, or is one";
    if (local.address.is_v4()) local.rp_filter = rp_filter_of(link->name);
    out.push_back(std::move(local));
  }
  return out;
}

/// The counters tell in passing whether detection ever struck; only then its present state is asked
/// for, which costs a connection.
bool blackholed_now(const MachineFacts& machine) {
  const auto struck = machine.counters.find("Blackhole");
  if (machine.blackhole_timeout == seconds::zero() || struck == machine.counters.end() ||
      struck->second == 0)
    return false;
  return mptcp_is_blackholed().value_or(false);
}

Result<MachineFacts> machine_facts() {
  MachineFacts out;
  auto addresses = local_addresses();
  if (!addresses) return std::unexpected(addresses.error());
  out.addresses = *std::move(addresses);
  out.counters = kernel::mptcp_counters();
  const auto enabled = kernel::read_sysctl("net/mptcp/enabled");
  out.mptcp_present = enabled.has_value();
  out.mptcp_enabled = enabled && *enabled != "0";
  if (!out.mptcp_enabled) return out;
  out.blackhole_timeout = seconds(number_of("net/mptcp/blackhole_timeout"));
  out.blackholed = blackholed_now(out);
  const auto type = kernel::path_manager_type();
  out.userspace_manager = type && *type == kernel::PathManagerType::kUserspace;
  auto manager = kernel::MptcpPathManager::open();
  if (!manager) return out;
  if (auto endpoints = manager->endpoints()) out.endpoints = *std::move(endpoints);
  if (auto limits = manager->limits()) out.limits = *limits;
  return out;
}

bool is_ours(const MachineFacts& machine, const IpAddress& address) {
  return std::ranges::any_of(machine.addresses,
                             [&](const LocalAddress& local) { return local.address == address; });
}

/// The connections of the machine, asked for once.
struct Sockets {
  kernel::SocketDiag diag;
  std::vector<kernel::ConnectionInfo> connections;
  std::vector<kernel::SubflowDiag> subflows;

  bool goes_to(const kernel::ConnectionInfo& connection, const Question& question) const {
    if (question.token) return connection.token == *question.token;
    const auto fits = [&](const Endpoint& remote) {
      return remote.address == *question.destination &&
             (question.port == 0 || remote.port == question.port);
    };
    return fits(connection.remote) ||
           std::ranges::any_of(subflows, [&](const kernel::SubflowDiag& subflow) {
             return subflow.token == connection.token && fits(subflow.remote);
           });
  }
};

Result<Sockets> all_sockets() {
  auto diag = kernel::SocketDiag::open();
  if (!diag) return std::unexpected(diag.error());
  auto connections = diag->connections();
  if (!connections) return std::unexpected(connections.error());
  auto subflows = diag->subflows();
  if (!subflows) return std::unexpected(subflows.error());
  return Sockets{*std::move(diag), *std::move(connections), *std::move(subflows)};
}

/// What the daemon's words do not say, or the kernel knows better.
void add_subflows(Subject& subject, const std::vector<kernel::SubflowDiag>& subflows) {
  auto known = std::exchange(subject.subflows, {});
  for (const auto& subflow : subflows) {
    if (subflow.token != subject.token || subflow.state > kLastOpening) continue;
    Subject::UsedPair used{subflow.local, subflow.remote};
    const auto told = std::ranges::find_if(known, [&](const Subject::UsedPair& other) {
      return other.local == subflow.local && other.remote == subflow.remote;
    });
    if (told != known.end()) used = *told;
    used.established = subflow.state == kEstablished;
    used.backup = used.backup || subflow.requested_backup;
    used.peer_backup = subflow.backup;
    subject.subflows.push_back(std::move(used));
  }
}

/// Without a daemon: what the kernel's path manager announces, and whether the peer came to us.
void assume_details(Subject& subject, const MachineFacts& machine, kernel::SocketDiag& diag) {
  subject.manager = machine.userspace_manager ? Manager::kNobody : Manager::kKernel;
  subject.server_side = diag.listens(subject.local).value_or(false);
  if (!subject.server_side) return;
  for (const auto& endpoint : machine.endpoints)
    if ((endpoint.flags & kernel::MptcpEndpoint::kSignal) != 0)
      subject.announcements.push_back({{endpoint.address, endpoint.port}, ""});
}

Subject subject_of(const kernel::ConnectionInfo& connection, const Sockets& sockets,
                   const MachineFacts& machine, const DaemonView& view, kernel::SocketDiag& diag) {
  Subject out;
  const auto told =
      std::ranges::find(view.connections, std::optional(connection.token), &Subject::token);
  if (told != view.connections.end()) out = *told;
  out.token = connection.token;
  out.local = connection.local;
  out.remote = connection.remote;
  out.plain_tcp = connection.fallback;
  out.extra_subflows = connection.extra_subflows;
  if (told == view.connections.end()) assume_details(out, machine, diag);
  add_subflows(out, sockets.subflows);
  for (auto& announcement : out.announcements) {
    auto& endpoint = announcement.endpoint;
    if (endpoint.port == 0) endpoint.port = out.local.port;
    if (const auto listens = diag.listens(endpoint)) announcement.listens = *listens;
  }
  return out;
}

Subject new_subject(const Question& question, const MachineFacts& machine,
                    kernel::RouteLookup& routes) {
  Subject out;
  out.remote = {*question.destination, question.port};
  if (const auto route = routes.ask({.to = *question.destination}); route && route->source)
    out.local.address = *route->source;
  out.manager = machine.daemon              ? Manager::kDaemon
                : machine.userspace_manager ? Manager::kNobody
                                            : Manager::kKernel;
  return out;
}

Way way_of(const LocalAddress& local, const IpAddress& remote, kernel::RouteLookup& routes) {
  Way out;
  if (const auto route = routes.ask({.to = remote, .from = local.address})) {
    out.ifindex = route->ifindex;
    out.to_ourselves = route->to_ourselves;
    if (route->ifindex == local.ifindex) out.table = route->table;
  } else {
    out.why_not = route.error().what;
  }
  out.bound =
      routes.ask({.to = remote, .from = local.address, .ifindex = local.ifindex}).has_value();
  if (!out.table) out.table = routes.table_with_route(remote, local.ifindex);
  return out;
}

/// Ways of all pairs that are there now.
void add_ways(Facts& facts, kernel::RouteLookup& routes) {
  for (const auto& subject : facts.subjects) {
    std::vector<IpAddress> remotes{subject.remote.address};
    for (const auto& peer : subject.peer_addresses) remotes.push_back(peer.endpoint.address);
    for (const auto& used : subject.subflows) remotes.push_back(used.remote.address);
    for (const auto& local : facts.machine.addresses)
      for (const auto& remote : remotes)
        if (const std::pair key{local.address, remote};
            local.address.family() == remote.family() && !facts.ways.contains(key))
          facts.ways[key] = way_of(local, remote, routes);
  }
}

/// Trials from every address that can be a source to `remote`; what is known to be in the way
/// already is not tried.
std::vector<TrialPlan> plans_to(const Facts& facts, const Endpoint& remote) {
  std::vector<TrialPlan> out;
  for (const auto& local : facts.machine.addresses) {
    const std::pair key{local.address, remote.address};
    const auto way = facts.ways.find(key);
    if (way == facts.ways.end() || way->second.to_ourselves || local.loopback_interface ||
        !local.admin_up || !local.carrier || !local.unusable.empty())
      continue;
    const bool right = way->second.ifindex == local.ifindex;
    if (right || way->second.bound)
      out.push_back({local.address, remote, right ? std::string() : local.interface});
  }
  return out;
}

std::vector<PeerAddress> try_remote(Facts& facts, const Endpoint& remote, nanoseconds patience) {
  const auto plans = plans_to(facts, remote);
  const auto outcome = try_paths(plans, patience);
  for (std::size_t i = 0; i < plans.size(); ++i)
    facts.trials[{plans[i].local, remote}] = outcome.trials[i];
  return outcome.announced;
}

/// First where the connection goes, then where the peer said it can be reached, too.
void add_trials(Facts& facts, const Question& question, kernel::RouteLookup& routes) {
  if (!facts.machine.mptcp_enabled || facts.machine.blackholed) return;
  std::map<Endpoint, std::vector<PeerAddress>> announced;
  for (auto& subject : facts.subjects) {
    const auto to = subject.remote;
    if (subject.server_side || to.port == 0) continue;
    if (!announced.contains(to)) announced[to] = try_remote(facts, to, question.patience);
    std::vector<PeerAddress> further = announced[to];
    std::erase_if(further, [&](const PeerAddress& peer) {
      return peer.endpoint == to ||
             std::ranges::find(subject.peer_addresses, peer.endpoint, &PeerAddress::endpoint) !=
                 subject.peer_addresses.end();
    });
    std::ranges::copy(further, std::back_inserter(subject.peer_addresses));
    add_ways(facts, routes);
    for (const auto& peer : subject.peer_addresses)
      if (!announced.contains(peer.endpoint))
        announced[peer.endpoint] = try_remote(facts, peer.endpoint, question.patience);
  }
}

/// About the one connection only: the daemon does not list thousands. Of a destination all is asked
/// for, since a connection may go there by a further subflow.
Result<DaemonView> ask_daemon(const Question& question) {
  const auto about = question.token ? fmt::format("{:#010x}", *question.token) : std::string();
  const auto answer = status::ask(status::socket_path(kRole), "show", seconds(10), about);
  if (!answer) return std::unexpected(answer.error());
  return parse_daemon_view(*answer);
}

/// The file that was asked for, or else the one that the daemon reads.
Result<void> add_settings(Facts& facts, const Question& question, const std::string& daemons_file) {
  facts.daemons_file = daemons_file;
  facts.settings_file =
      question.settings_file.empty() ? daemons_file : question.settings_file.string();
  auto settings = facts.settings_file.empty() ? Result<Settings>(default_settings())
                                              : load_settings(facts.settings_file);
  if (!settings) return std::unexpected(settings.error());
  facts.settings = *std::move(settings);
  return {};
}

}  // namespace

Result<Question> parse_question(const std::string& text) {
  Question out;
  const std::string_view digits = std::string_view(text).substr(text.starts_with("0x") ? 2 : 0);
  Token token = 0;
  const auto [end, error] =
      std::from_chars(digits.data(), digits.data() + digits.size(), token, 16);
  const bool whole = error == std::errc() && end == digits.data() + digits.size();
  if (whole && (text.starts_with("0x") || digits.size() == 8)) {
    out.token = token;
    return out;
  }
  const auto endpoint = Endpoint::parse_with_or_without_port(text);
  if (!endpoint)
    return fail("\"" + text + "\" is neither a token nor an address", {},
                "a token as `anabranch paths show` tells it, or an address with or without a port",
                ExitCode::kBadInput);
  out.destination = endpoint->address;
  out.port = endpoint->port;
  return out;
}

Result<Facts> inspect(const Question& question) {
  if (question.try_peer && !question.token && question.port == 0)
    return fail("a trial needs a port", {}, "as 192.0.2.1:443", ExitCode::kBadInput);
  Facts out;
  auto machine = machine_facts();
  if (!machine) return std::unexpected(machine.error());
  out.machine = *std::move(machine);
  const auto view = ask_daemon(question);
  if (!view && view.error().code != ExitCode::kNotRunning) return std::unexpected(view.error());
  out.machine.daemon = view.has_value();
  if (view) out.paths = view->paths;
  ANABRANCH_TRY(add_settings(out, question, view ? view->settings_file : std::string()));

  auto sockets = all_sockets();
  if (!sockets) return std::unexpected(sockets.error());
  auto routes = kernel::RouteLookup::open();
  if (!routes) return std::unexpected(routes.error());
  for (const auto& connection : sockets->connections)
    if (sockets->goes_to(connection, question))
      out.subjects.push_back(subject_of(connection, *sockets, out.machine,
                                        view ? *view : DaemonView{}, sockets->diag));
  if (question.token && out.subjects.empty())
    return fail("no MPTCP connection with this token", {},
                "`anabranch paths show` and `ss -M` list them");
  for (const auto& subflow : sockets->subflows)
    if (subflow.state == kEstablished && !is_ours(out.machine, subflow.remote.address))
      out.machine.speaks_mptcp.push_back(subflow.local.address);
  if (question.destination) out.subjects.push_back(new_subject(question, out.machine, *routes));
  add_ways(out, *routes);
  if (question.try_peer) add_trials(out, question, *routes);
  return out;
}

}  // namespace anabranch::paths
