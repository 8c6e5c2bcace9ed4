// SPDX-License-Identifier: MIT
#include "lab/scenario_programs.hpp"

#include <fmt/format.h>

#include "lab/single_homed.hpp"

namespace anabranch::lab {
namespace {

constexpr unsigned kFileMegabytes = 24;

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

}  // namespace

Result<void> fetch_with_real_programs(ScenarioRun& run) {
  Network& network = run.network;
  run.progress.step("curl fetches from nginx, both under 'anabranch run'", seconds(6));
  const auto sent =
      shell(network, "server",
            fmt::format("mkdir -p /run/lab/www && head -c {}M /dev/urandom > /run/lab/www/file && "
                        "sha256sum /run/lab/www/file",
                        kFileMegabytes));
  if (!sent) return std::unexpected(sent.error());
  ANABRANCH_TRY(network.start_role("server", {"nginx",
                                              {"anabranch", "run", "--", "nginx", "-p", "/run/lab",
                                               "-c", std::string(kNodeFiles) + "/nginx.conf"},
                                              {{"nginx.conf", std::string(kNginxConfig)}}}));
  const auto joins_before = network.mptcp_counter("server", "MPJoinAckRx");
  const auto capable_before = network.mptcp_counter("server", "MPCapableACKRX");
  if (!joins_before || !capable_before) return fail("cannot read the server's MPTCP counters");

  const std::string url = "http://" + kServerAddress.text() + "/file";
  const auto fetched =
      network.run("host",
                  {"anabranch", "run", "--", "curl", "-sS", "--fail", "--retry", "20",
                   "--retry-connrefused", "--retry-delay", "1", "--max-time", "60", "-o",
                   "/run/fetched", "-w", "%{speed_download} %{time_total}", url},
                  seconds(70));
  if (!fetched) return std::unexpected(fetched.error());
  if (fetched->exit_code != 0)
    return fail("curl ended with " + std::to_string(fetched->exit_code) + ": " + fetched->errors);
  const auto received = shell(network, "host", "sha256sum /run/fetched");
  if (!received) return std::unexpected(received.error());
  const auto joins = network.mptcp_counter("server", "MPJoinAckRx");
  const auto capable = network.mptcp_counter("server", "MPCapableACKRX");
  if (!joins || !capable) return fail("cannot read the server's MPTCP counters");
  const auto stopped = network.stop_role("server", "nginx");
  if (!stopped) return std::unexpected(stopped.error());

  const double mbit = std::stod(fetched->output) * 8 / 1e6;
  run.measure("curl_goodput", mbit, "Mbit/s");
  run.expect(holds("curl's file has nginx's hash", hash_of(*sent) == hash_of(*received)));
  run.expect(holds("curl and nginx spoke MPTCP", *capable > *capable_before));
  run.expect(holds("curl's connection had a second subflow", *joins > *joins_before));
  run.progress.finish_step(fmt::format("{:.1f} Mbit/s", mbit));
  return {};
}

}  // namespace anabranch::lab
