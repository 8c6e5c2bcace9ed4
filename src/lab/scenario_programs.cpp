// SPDX-License-Identifier: MIT
#include "lab/scenario_programs.hpp"

#include <sstream>

#include <fmt/format.h>

#include "lab/single_homed.hpp"
#include "lab/single_homed_roles.hpp"

namespace anabranch::lab {
namespace {

constexpr unsigned kFileMegabytes = 24;
constexpr unsigned kSmallFile = 500'000;

constexpr std::string_view kNginxConfig = R"(daemon off;
worker_processes 1;
user root;
error_log stderr;
pid /run/lab/nginx.pid;
events { worker_connections 64; }
http {
  access_log off;
  client_body_temp_path /run/lab/body;
  proxy_temp_path /run/lab/proxy;
  fastcgi_temp_path /run/lab/fastcgi;
  uwsgi_temp_path /run/lab/uwsgi;
  scgi_temp_path /run/lab/scgi;
  server { listen 80; root /run/lab/www; }
}
)";

Result<std::string> shell(const Network& network, std::string_view node, const std::string& script,
                          nanoseconds patience = seconds(60)) {
  const auto done = network.run(node, {"sh", "-c", script}, patience);
  if (!done) return std::unexpected(done.error());
  if (done->exit_code != 0)
    return fail(fmt::format("'{}' ended with {}: {}", script, done->exit_code, done->errors),
                std::string(node));
  return done->output;
}

/// First word of sha256sum's line.
std::string hash_of(const std::string& line) {
  return line.substr(0, line.find(' '));
}

std::vector<std::string> command(std::vector<std::string> under,
                                 std::initializer_list<std::string> words) {
  under.insert(under.end(), words);
  return under;
}

Result<void> start_nginx(Network& network, const std::vector<std::string>& under) {
  const std::string files(kNodeFiles);
  ANABRANCH_TRY(network.start_role(
      "server", {"nginx",
                 command(under, {"nginx", "-p", "/run/lab", "-c", files + "/nginx.conf"}),
                 {{"nginx.conf", std::string(kNginxConfig)}}}));
  // A refusal would make a CPE leave the server alone for a while.
  return wait_until("nginx listens", seconds(10), [&] {
    const auto listening = network.run("server", {"ss", "-Hltn", "sport = :80"});
    return listening && !listening->output.empty();
  });
}

}  // namespace

Result<Fetched> fetch_file(Network& network, const std::vector<std::string>& under) {
  const auto sent =
      shell(network, "server",
            fmt::format("mkdir -p /run/lab/www && head -c {}M /dev/urandom > /run/lab/www/file && "
                        "sha256sum /run/lab/www/file",
                        kFileMegabytes));
  if (!sent) return std::unexpected(sent.error());
  ANABRANCH_TRY(start_nginx(network, under));
  const std::string url = "http://" + kServerAddress.text() + "/file";
  const auto fetched =
      network.run("host",
                  command(under, {"curl", "-sS", "--fail", "--max-time", "60", "-o", "/run/fetched",
                                  "-w", "%{speed_download} %{time_total}", url}),
                  seconds(70));
  if (!fetched) return std::unexpected(fetched.error());
  if (fetched->exit_code != 0)
    return fail("curl ended with " + std::to_string(fetched->exit_code) + ": " + fetched->errors);
  const auto received = shell(network, "host", "sha256sum /run/fetched");
  if (!received) return std::unexpected(received.error());
  if (const auto stopped = network.stop_role("server", "nginx"); !stopped)
    return std::unexpected(stopped.error());
  return Fetched{BitRate{std::stod(fetched->output) * 8}, hash_of(*sent) == hash_of(*received)};
}

Result<std::vector<nanoseconds>> fetch_small_files(Network& network, unsigned count) {
  const auto made = shell(network, "server",
                          fmt::format("mkdir -p /run/lab/www && head -c {} /dev/urandom > "
                                      "/run/lab/www/small",
                                      kSmallFile));
  if (!made) return std::unexpected(made.error());
  ANABRANCH_TRY(start_nginx(network, {}));
  const auto times =
      shell(network, "host",
            fmt::format("for n in $(seq {}); do curl -sS --fail --max-time 20 -o /dev/null -w "
                        "'%{{time_total}}\\n' http://{}/small || exit 1; done",
                        count, kServerAddress.text()),
            count * seconds(20));
  if (!times) return std::unexpected(times.error());
  if (const auto stopped = network.stop_role("server", "nginx"); !stopped)
    return std::unexpected(stopped.error());
  std::vector<nanoseconds> out;
  std::istringstream lines(*times);
  for (double time = 0; lines >> time;) out.emplace_back(static_cast<std::int64_t>(time * 1e9));
  return out;
}

Result<void> fetch_with_real_programs(ScenarioRun& run) {
  Network& network = run.network;
  run.progress.step("curl fetches from nginx, both under 'anabranch run'", seconds(6));
  const auto joins_before = network.mptcp_counter("server", "MPJoinAckRx");
  const auto capable_before = network.mptcp_counter("server", "MPCapableACKRX");
  if (!joins_before || !capable_before) return fail("cannot read the server's MPTCP counters");
  const auto fetched = fetch_file(network, {"anabranch", "run", "--"});
  if (!fetched) return std::unexpected(fetched.error());
  const auto joins = network.mptcp_counter("server", "MPJoinAckRx");
  const auto capable = network.mptcp_counter("server", "MPCapableACKRX");
  if (!joins || !capable) return fail("cannot read the server's MPTCP counters");

  run.measure("curl_goodput", fetched->goodput.mbit(), "Mbit/s");
  run.expect(holds("curl's file has nginx's hash", fetched->hashes_equal));
  run.expect(holds("curl and nginx spoke MPTCP", *capable > *capable_before));
  run.expect(holds("curl's connection had a second subflow", *joins > *joins_before));
  run.progress.finish_step(fmt::format("{:.1f} Mbit/s", fetched->goodput.mbit()));
  return {};
}

}  // namespace anabranch::lab
