// SPDX-License-Identifier: MIT
// Short connections of a LAN host that speaks only TCP, one after the other: straight to the
// server, through the pair with and without data in its SYN, and through a SOCKS5 proxy (dante)
// that stands where the converter does; to a server next to the converter and to one as far from it
// as the host is. The ways take turns, so that what else the machine does
// meets all alike.
#include <array>

#include <fmt/format.h>
#include <unistd.h>

#include "lab/exchange.hpp"
#include "lab/proxy_cases.hpp"
#include "lab/proxy_pair.hpp"
#include "lab/proxy_pair_roles.hpp"
#include "lab/scenario_proxy.hpp"
#include "lab/scenario_support.hpp"
#include "lab/setup_figures.hpp"
#include "lab/single_homed.hpp"

namespace anabranch::lab {
namespace {

/// What Convert with data in the SYN may add to the first request octet, in RTTs.
constexpr double kBound = 0.1;
constexpr const char* kDante = "/usr/sbin/danted";
constexpr std::uint16_t kSocksPort = 1080;
constexpr std::uint16_t kClientFirstPort = 7001;
constexpr std::uint16_t kServerFirstPort = 7002;
/// One way from the provider's network to the far server: as far as the host is from it.
constexpr nanoseconds kFarAway = milliseconds(10);
constexpr double kMedian = 0.5;
constexpr double kTail = 0.9;

constexpr std::string_view kNear = "near";
constexpr std::string_view kFar = "far";
constexpr std::array kServers{kNear, kFar};
constexpr std::string_view kClientFirst = "client-first";
constexpr std::string_view kServerFirst = "server-first";
constexpr std::array kSpeakers{kClientFirst, kServerFirst};

struct Plan {
  unsigned rounds;
  unsigned connections;  ///< of each way and case in a round
  std::vector<SetupCase> cases = {};
};

Plan plan_for(Scale scale) {
  switch (scale) {
    case Scale::kQuick:
      return {2, 10};
    case Scale::kNormal:
      return {4, 50};
    case Scale::kFull:
      return {20, 50};
  }
  return {};
}

Plan plan_of(const ScenarioRun& run) {
  Plan plan = plan_for(run.scale);
  if (run.choice.runs > 0) plan.rounds = run.choice.runs;
  for (const auto asked : kSetupCases)
    if (run.choice.wants(asked.far ? kFar : kNear, kServers) &&
        run.choice.wants(asked.server_first ? kServerFirst : kClientFirst, kSpeakers))
      plan.cases.push_back(asked);
  return plan;
}

constexpr std::string_view kDanteConfig = R"(logoutput: stderr
internal: eth0 port = 1080
external: eth0
clientmethod: none
socksmethod: none
user.privileged: root
user.unprivileged: root
client pass { from: 0.0.0.0/0 to: 0.0.0.0/0 log: error }
socks pass { from: 0.0.0.0/0 to: 0.0.0.0/0 log: error }
)";

Role dante_role() {
  const std::string folder(kNodeFiles);
  return {.name = "dante",
          .command = {kDante, "-f", folder + "/dante.conf", "-p", folder + "/dante.pid"},
          .files = {{"dante.conf", std::string(kDanteConfig)}}};
}

std::vector<std::string> exchange_command(const ExchangeOptions& options) {
  std::vector<std::string> out = {"anabranch", "lab", "exchange"};
  for (auto& word : exchange_arguments(options)) out.push_back(std::move(word));
  return out;
}

Role listener(const IpAddress& address, std::uint16_t port, bool server_first) {
  return {
      .name = fmt::format("exchange{}", port),
      .command = exchange_command(
          {.listen = true, .endpoint = {address, port}, .server_first = server_first, .via = {}}),
      .files = {}};
}

Result<std::vector<Exchange>> ask(const Network& network, std::string_view node,
                                  const ExchangeOptions& options) {
  const auto done = network.run(node, exchange_command(options),
                                seconds(20) + options.count * (seconds(1) + options.pause));
  if (!done) return std::unexpected(done.error());
  if (done->exit_code != 0) return fail("exchanges failed: " + done->output, std::string(node));
  const auto report = parse_exchange_report(done->output);
  if (!report) return std::unexpected(report.error());
  if (report->failed > 0)
    return fail(fmt::format("{} of {} connections failed: {}", report->failed, options.count,
                            report->last_failure),
                std::string(node));
  return report->exchanges;
}

/// Of the path between CPE and converter: request and reply take two of them.
Result<nanoseconds> measure_rtt(ScenarioRun& run) {
  run.progress.step("round trip between CPE and converter", seconds(2));
  const auto address = converter_address(Family::kIpv4);
  ANABRANCH_TRY(run.network.start_role("converter", listener(address, kClientFirstPort, false)));
  const auto exchanges =
      ask(run.network, "cpe", {.endpoint = {address, kClientFirstPort}, .via = {}, .count = 20});
  if (!exchanges) return std::unexpected(exchanges.error());
  SetupFigures figures;
  figures.add(SetupWay::kDirect, {}, *exchanges);
  const auto rtt = figures.first_octet(SetupWay::kDirect, {}, kMedian) / 2;
  run.measure("rtt", static_cast<double>(rtt.count()) / 1e6, "ms");
  run.progress.finish_step(fmt::format("{:.2f} ms", static_cast<double>(rtt.count()) / 1e6));
  return rtt;
}

Result<void> measure_way(ScenarioRun& run, const Plan& plan, SetupWay way, SetupFigures& figures) {
  for (const auto asked : plan.cases) {
    ExchangeOptions options{
        .endpoint = {asked.far ? far_server_address(Family::kIpv4) : kServerAddress,
                     asked.server_first ? kServerFirstPort : kClientFirstPort},
        .server_first = asked.server_first,
        .via = {},
        .count = plan.connections};
    if (way == SetupWay::kSocks)
      options.via = anabranch::Endpoint{converter_address(Family::kIpv4), kSocksPort};
    const auto exchanges = ask(run.network, "host", options);
    if (!exchanges) {
      Error error = exchanges.error();
      error.what = setup_way_name(way) + ": " + error.what;
      return std::unexpected(std::move(error));
    }
    figures.add(way, asked, *exchanges);
  }
  return {};
}

/// Each way once; the CPE is there for the ways that need it only.
Result<void> measure_round(ScenarioRun& run, const Plan& plan, bool socks, SetupFigures& figures) {
  ANABRANCH_TRY(measure_way(run, plan, SetupWay::kDirect, figures));
  if (socks) ANABRANCH_TRY(measure_way(run, plan, SetupWay::kSocks, figures));
  for (const auto way : {SetupWay::kConvert, SetupWay::kConvertNoSynData}) {
    ANABRANCH_TRY(start_cpe(run.network, {.paths = false, .syn_data = way == SetupWay::kConvert}));
    const auto before = pair_counters(run.network);
    ANABRANCH_TRY(measure_way(run, plan, way, figures));
    const auto after = pair_counters(run.network);
    if (!before || !after) return fail("cannot read the converter's MPTCP counters");
    if (after->capable - before->capable < plan.cases.size() * plan.connections)
      return fail("connections went past the converter", setup_way_name(way));
    ANABRANCH_TRY(stop_cpe(run.network));
  }
  return {};
}

/// p50 and p90 of one figure, into the row and the measurements.
template <class Added>
void put(ScenarioRun& run, std::vector<std::string>& row, const std::string& name, Added added) {
  for (const double share : {kMedian, kTail}) {
    row.push_back(fmt::format("{:+.2f}", added(share)));
    run.measure(fmt::format("{}_p{:.0f}", name, 100 * share), added(share), "RTT");
  }
}

void report(ScenarioRun& run, const Plan& plan, const SetupFigures& figures, nanoseconds rtt) {
  Table table{.title = "Until the first octet, against plain TCP, in RTTs of CPE - converter",
              .head = {"way", "server", "first speaks", "request at server p50", "p90",
                       "server's octet at host p50", "p90"},
              .rows = {}};
  for (const auto asked : plan.cases)
    for (const auto way : kSetupWays) {
      if (figures.count(way, asked) == 0) continue;
      const auto name = setup_way_name(way) + setup_case_suffix(asked);
      std::vector<std::string> row = {setup_way_name(way), asked.far ? "far" : "near",
                                      asked.server_first ? "server" : "client"};
      put(run, row, "request_added_" + name,
          [&](double share) { return figures.request_added(way, asked, share, rtt); });
      put(run, row, "first_octet_added_" + name,
          [&](double share) { return figures.first_octet_added(way, asked, share, rtt); });
      table.rows.push_back(std::move(row));
    }
  run.result.tables.push_back(std::move(table));
  for (const auto asked : plan.cases)
    run.expect(
        at_most(fmt::format("RTTs that Convert adds to the first request octet, p50: {} "
                            "server, {} speaks first",
                            asked.far ? "far" : "near", asked.server_first ? "server" : "client"),
                figures.request_added(SetupWay::kConvert, asked, kMedian, rtt), kBound));
}

Result<void> proxy_setup(ScenarioRun& run) {
  const Plan plan = plan_of(run);
  for (const auto asked : plan.cases)
    ANABRANCH_TRY(run.network.start_role(
        asked.far ? "far" : "server",
        listener(asked.far ? far_server_address(Family::kIpv4) : kServerAddress,
                 asked.server_first ? kServerFirstPort : kClientFirstPort, asked.server_first)));
  const auto rtt = measure_rtt(run);
  if (!rtt) return std::unexpected(rtt.error());
  const bool socks = ::access(kDante, X_OK) == 0;
  if (socks)
    ANABRANCH_TRY(run.network.start_role("converter", dante_role()));
  else
    run.progress.note("dante is not installed (package dante-server): SOCKS5 is left out");
  ANABRANCH_TRY(start_converter(run.network, {.paths = false}));
  SetupFigures figures;
  for (unsigned round = 1; round <= plan.rounds; ++round) {
    run.progress.step(fmt::format("connections over every way, round {}", round),
                      plan.connections * milliseconds(2000));
    ANABRANCH_TRY(measure_round(run, plan, socks, figures));
    run.progress.finish_step("");
  }
  report(run, plan, figures, *rtt);
  return stop_pair(run.network);
}

}  // namespace

Scenario proxy_setup_scenario() {
  return {.name = "proxy-setup",
          .title = "What the proxy pair adds until the first octets of a connection are there",
          .topology = [] { return proxy_pair_topology(proxy_uplinks(), kFarAway); },
          .steps = [](Scale scale) { return 1 + plan_for(scale).rounds; },
          .body = proxy_setup,
          .start = start_pair_for_shell,
          .words = {kNear, kFar, kClientFirst, kServerFirst}};
}

}  // namespace anabranch::lab
