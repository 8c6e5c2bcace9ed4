// SPDX-License-Identifier: MIT
#include "lab/balanced_roles.hpp"

#include <algorithm>
#include <span>

#include <fmt/format.h>
#include <fmt/ranges.h>
#include <nlohmann/json.hpp>
#include <sys/mount.h>

#include "base/directories.hpp"
#include "base/endpoint.hpp"
#include "kernel/feature_probe.hpp"
#include "kernel/mptcp_pm.hpp"
#include "kernel/sysctl.hpp"
#include "lab/balanced.hpp"
#include "lab/payload.hpp"
#include "lab/single_homed_roles.hpp"

namespace anabranch::lab {
namespace {

/// The kernel verifies the balancer's programs for seconds when the machine is busy, and does not
/// listen at a join port again for the minute in which its former connections end.
constexpr nanoseconds kReadyPatience = seconds(90);
constexpr unsigned kFirstJoinPort = 1024;
constexpr unsigned kConnections = 100'000;
constexpr unsigned kInsertsPerSecond = 100'000;
constexpr std::uint64_t kPieceSeed = 7;
constexpr std::string_view kBalancerRole = "balancer";
constexpr std::string_view kWebRole = "nginx";
constexpr std::string_view kBalancerFile = "balancer.toml";
constexpr std::uint16_t kControlPort = 7443;
constexpr std::string_view kKeyFile = "balancer.key";
constexpr std::string_view kKey = "known to whoever reads this: the lab is a network of its own\n";
/// As balancer and servers see it: below their own /run.
constexpr std::string_view kPins = "/run/bpf/anabranch/balancer";

/// One process, so that killing it leaves no worker behind.
constexpr std::string_view kWebConfig = R"(daemon off;
master_process off;
worker_rlimit_nofile 8192;
user root;
error_log stderr;
pid /run/lab/nginx.pid;
events {{ worker_connections 4096; }}
http {{
  access_log off;
  keepalive_requests 1000000;
  client_body_temp_path /run/lab/body;
  proxy_temp_path /run/lab/proxy;
  fastcgi_temp_path /run/lab/fastcgi;
  uwsgi_temp_path /run/lab/uwsgi;
  scgi_temp_path /run/lab/scgi;
  server {{
    listen {0} backlog=1024;
    listen [::]:{0} backlog=1024;
    root /run/lab;
    location = /piece {{ add_header X-Server {1}; }}
    location / {{ return 404; }}
  }}
}}
)";

std::string settings_path() {
  return fmt::format("{}/{}", kNodeFiles, kBalancerFile);
}

/// The same, from outside of the node.
std::string settings_of(std::string_view node) {
  return fmt::format("{}/lab/{}", node_directory(node), kBalancerFile);
}

std::string quoted(const std::vector<std::string_view>& words) {
  return words.empty() ? "[]" : fmt::format("[\"{}\"]", fmt::join(words, "\", \""));
}

std::string server_toml(unsigned number, const BalancerFile& file) {
  return fmt::format(R"(
[[server]]
name = "{}"
id = {}
addresses = ["{}"]
weight = {}
join_addresses = ["{}"]
)",
                     balanced_server(number), number, segment_address(file.family, number).text(),
                     file.weights[number - 1], own_address(file.family, number).text());
}

std::string control_toml() {
  return fmt::format(R"(
[control]
listen = ["{}"]
key_file = "{}/{}"
)",
                     anabranch::Endpoint{balancer_address(Family::kIpv4), kControlPort}.text(),
                     kNodeFiles, kKeyFile);
}

/// What an agent has: the channel is read at the start only, so that it has it in any case and
/// tries it where the balancer has none.
BalancerFile of_agent(BalancerFile file) {
  file.memory = Memory::kChain;
  return file;
}

/// One file for the whole cluster.
Result<void> write_settings(std::string_view node, const BalancerFile& file) {
  return replace_file(settings_of(node), balancer_toml(file));
}

/// What balancer and servers prove themselves with, where there is a control channel.
Result<void> give_key(std::string_view node, const BalancerFile& file) {
  if (file.memory != Memory::kChain) return {};
  constexpr unsigned kOwnersAlone = 0600;
  return replace_file(fmt::format("{}/lab/{}", node_directory(node), kKeyFile), kKey, kOwnersAlone);
}

/// `anabranch balancer` with these words.
Result<void> run_in(const Network& network, std::string_view node, std::vector<std::string> words) {
  words.insert(words.begin(), {"anabranch", "balancer"});
  const auto done = network.run(node, words);
  if (!done) return std::unexpected(done.error());
  if (done->exit_code != 0)
    return fail(
        fmt::format("'{}' ended with {}: {}", fmt::join(words, " "), done->exit_code, done->errors),
        std::string(node));
  return {};
}

/// The client's second address takes part: towards what servers announce, or towards the service.
Result<void> take_part(const Network& network, unsigned number, const CureTraits& cure,
                       Family family) {
  return network.inside(balanced_client(number), [&]() -> Result<void> {
    auto manager = kernel::MptcpPathManager::open();
    if (!manager) return std::unexpected(manager.error());
    const auto former = manager->endpoints();
    if (!former) return std::unexpected(former.error());
    for (const auto& endpoint : *former) ANABRANCH_TRY(manager->remove(endpoint));
    return manager->add({.address = second_address(family, number),
                         .flags = kernel::MptcpEndpoint::kSubflow |
                                  (cure.announces() ? kernel::MptcpEndpoint::kFullmesh : 0)});
  });
}

/// An ADD_ADDR with an IPv6 address and a port takes 32 of the 40 octets of TCP's options (RFC 8684
/// section 3.4.1), and timestamps another 12.
Result<void> leave_room_to_announce(const Network& network, unsigned number,
                                    const CureTraits& cure) {
  return network.inside(balanced_server(number), [&] {
    return kernel::write_sysctl("net/ipv4/tcp_timestamps", cure.announces_port ? "0" : "1");
  });
}

/// One that runs already reads its file again: what it announced and announces still is not
/// withdrawn in between.
Result<void> run_agent(Network& network, unsigned number, const BalancerFile& file) {
  const auto node = balanced_server(number);
  const auto role = agent_role(number, file);
  if (!network.role_pid(node, role.name)) {
    ANABRANCH_TRY(give_key(node, of_agent(file)));
    return network.start_role(node, role);
  }
  ANABRANCH_TRY(write_settings(node, of_agent(file)));
  return run_in(network, node, {"server", "reload"});
}

/// Everything; a place that is taken or missing has another state.
bool has_told(const Network& network, unsigned number, const CureTraits& cure) {
  const auto answer = network.ask(balanced_server(number), "balancer-server", "show");
  if (!answer) return false;
  const auto view = nlohmann::json::parse(*answer, nullptr, false);
  if (!view.is_object()) return false;
  const auto announced = view.value("announces", nlohmann::json::array());
  return view.value("initial_address_denied", false) == cure.announces() &&
         announced.size() ==
             std::size_t{cure.announces_port} + std::size_t{cure.announces_address} &&
         std::ranges::all_of(announced, [](const nlohmann::json& one) {
           return one.value("state", "") == "announced";
         });
}

bool has_all_channels(std::string_view balancer_view, const BalancerFile& file) {
  const auto view = nlohmann::json::parse(balancer_view, nullptr, false);
  if (!view.is_object() || !view.contains("control")) return false;
  const auto servers = view["control"].value("servers", nlohmann::json::array());
  return servers.size() == file.servers() &&
         std::ranges::all_of(servers, [](const nlohmann::json& server) {
           return server.value("connected", false);
         });
}

}  // namespace

std::string balancer_toml(const BalancerFile& file) {
  std::string out = fmt::format(
      R"([balancer]
interface = "eth0"
pins = "{}"
connections = {}
inserts_per_second = {}
first_join_port = {}

[[vip]]
address = "{}"
cures = {}
)",
      kPins, kConnections, file.memory == Memory::kTable ? kInsertsPerSecond : 0, kFirstJoinPort,
      anabranch::Endpoint{service_address(file.family), kServicePort}.text(),
      quoted(traits(file.cure).names));
  for (unsigned number = 1; number <= file.servers(); ++number) out += server_toml(number, file);
  if (file.memory == Memory::kChain) out += control_toml();
  return out;
}

Role balancer_role(const BalancerFile& file) {
  return {.name = std::string(kBalancerRole),
          .command = {"anabranch", "balancer", "run", "-c", settings_path()},
          .files = {{std::string(kBalancerFile), balancer_toml(file)}}};
}

Role agent_role(unsigned number, const BalancerFile& file) {
  return {.name = "agent",
          .command = {"anabranch", "balancer", "server", "run", "-c", settings_path(), "--name",
                      balanced_server(number)},
          .files = {{std::string(kBalancerFile), balancer_toml(of_agent(file))}}};
}

Role web_server_role(unsigned number) {
  return {.name = std::string(kWebRole),
          .command = {"anabranch", "run", "--", "nginx", "-p", std::string(kNodeFiles), "-c",
                      fmt::format("{}/nginx.conf", kNodeFiles)},
          .files = {{"nginx.conf", fmt::format(kWebConfig, kServicePort, number)}}};
}

Result<void> balancer_is_allowed() {
  const auto found = kernel::probe_bpf();
  if (found.state == kernel::FeatureState::kOk) return {};
  return fail("the balancer's BPF programs may not be loaded here", {},
              "run the lab as root, outside of containers", ExitCode::kNotPermitted);
}

Result<void> give_pins(const Network& network) {
  for (const auto& node : network.topology().nodes) {
    if (node.name != kBalancerNode && !node.name.starts_with("server")) continue;
    const auto directory = node_directory(node.name) + "/bpf";
    ANABRANCH_TRY(make_directory(directory));
    if (::mount("bpf", directory.c_str(), "bpf", 0, nullptr) != 0)
      return fail_errno("cannot mount a BPF file system", directory);
  }
  return {};
}

Result<void> start_balancer(Network& network, const BalancerFile& file) {
  ANABRANCH_TRY(give_key(kBalancerNode, file));
  ANABRANCH_TRY(network.start_role(kBalancerNode, balancer_role(file)));
  return wait_until("the balancer with the channels of all servers", kReadyPatience, [&] {
    const auto answer = network.ask(kBalancerNode, kBalancerRole, "show");
    return answer && (file.memory != Memory::kChain || has_all_channels(*answer, file));
  });
}

Result<void> stop_balancer(Network& network) {
  const auto code = network.stop_role(kBalancerNode, kBalancerRole);
  if (!code) return std::unexpected(code.error());
  if (*code != 0) return fail(fmt::format("the balancer ended with {}", *code));
  return {};
}

Result<void> kill_balancer(Network& network) {
  return network.kill_role(kBalancerNode, kBalancerRole);
}

Result<void> reload_balancer(Network& network, const BalancerFile& file) {
  ANABRANCH_TRY(write_settings(kBalancerNode, file));
  return run_in(network, kBalancerNode, {"reload"});
}

Result<void> remove_balancer(Network& network) {
  ANABRANCH_TRY(stop_balancer(network));
  return run_in(network, kBalancerNode, {"cleanup", "-c", settings_path()});
}

Piece make_piece(std::size_t octets) {
  Piece out;
  PayloadStream stream(kPieceSeed);
  while (out.octets.size() < octets) {
    const auto ahead =
        stream.ahead().first(std::min(stream.ahead().size(), octets - out.octets.size()));
    out.octets.append(reinterpret_cast<const char*>(ahead.data()), ahead.size());
    stream.consume(ahead.size());
  }
  Sha256 hash;
  hash.update(std::as_bytes(std::span(out.octets)));
  out.sha256 = hash.finish();
  return out;
}

Result<void> start_web_servers(Network& network, unsigned first, unsigned last,
                               const Piece& piece) {
  for (unsigned number = first; number <= last; ++number) {
    auto role = web_server_role(number);
    role.files["piece"] = piece.octets;
    ANABRANCH_TRY(network.start_role(balanced_server(number), role));
  }
  for (unsigned number = first; number <= last; ++number)
    ANABRANCH_TRY(wait_until(balanced_server(number) + " listens", kReadyPatience, [&] {
      const auto listening = network.run(balanced_server(number),
                                         {"ss", "-Hltn", fmt::format("sport = :{}", kServicePort)});
      return listening && !listening->output.empty();
    }));
  return {};
}

Result<void> tell_of_joins(Network& network, const BalancerFile& file) {
  const auto& how = traits(file.cure);
  for (unsigned number = 1; number <= file.servers(); ++number) {
    ANABRANCH_TRY(leave_room_to_announce(network, number, how));
    ANABRANCH_TRY(run_agent(network, number, file));
  }
  for (unsigned number = 1; number <= file.servers(); ++number)
    ANABRANCH_TRY(wait_until("what " + balanced_server(number) + " has to announce", kReadyPatience,
                             [&] { return has_told(network, number, how); }));
  for (unsigned number = 1; number <= kBalancedClients; ++number)
    ANABRANCH_TRY(take_part(network, number, how, file.family));
  return {};
}

Result<nanoseconds> start_balanced_for_shell(Network& network) {
  const auto start = MonotonicClock::now();
  const auto servers = static_cast<unsigned>(std::ranges::count_if(
      network.topology().nodes, [](const Node& node) { return node.name.starts_with("server"); }));
  const BalancerFile file{.weights = std::vector<unsigned>(servers, 1)};
  ANABRANCH_TRY(balancer_is_allowed());
  ANABRANCH_TRY(give_pins(network));
  ANABRANCH_TRY(start_web_servers(network, 1, servers, make_piece(100'000)));
  ANABRANCH_TRY(tell_of_joins(network, file));
  ANABRANCH_TRY(start_balancer(network, file));
  return MonotonicClock::now() - start;
}

Result<std::vector<ServerCounters>> server_counters(const Network& network, unsigned servers) {
  std::vector<ServerCounters> out(servers);
  for (unsigned number = 1; number <= servers; ++number) {
    auto& counters = out[number - 1];
    for (const auto& [name, value] : {std::pair{"MPCapableACKRX", &counters.capable},
                                      {"MPJoinAckRx", &counters.joined},
                                      {"MPJoinNoTokenFound", &counters.misrouted}}) {
      const auto counter = network.mptcp_counter(balanced_server(number), name);
      if (!counter) return std::unexpected(counter.error());
      *value = *counter;
    }
  }
  return out;
}

ServerCounters sum(const std::vector<ServerCounters>& counters) {
  ServerCounters out;
  for (const auto& one : counters) {
    out.capable += one.capable;
    out.joined += one.joined;
    out.misrouted += one.misrouted;
  }
  return out;
}

std::vector<ServerCounters> difference(const std::vector<ServerCounters>& after,
                                       const std::vector<ServerCounters>& before) {
  std::vector<ServerCounters> out;
  for (std::size_t i = 0; i < after.size(); ++i) out.push_back(after[i] - before[i]);
  return out;
}

}  // namespace anabranch::lab
