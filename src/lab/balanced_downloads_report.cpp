// SPDX-License-Identifier: MIT
#include <numeric>

#include <fmt/format.h>
#include <nlohmann/json.hpp>

#include "lab/balanced_downloads.hpp"

namespace anabranch::lab {
namespace {

/// Every count under its name in the report.
template <class Report, class Visit>
void each_count(Report& report, Visit visit) {
  visit("done", report.done);
  visit("live", report.live);
  visit("wrong", report.wrong);
  visit("pieces", report.pieces);
  visit("plain", report.plain);
  visit("joined", report.joined);
  visit("carried", report.carried);
  visit("subflows", report.subflows);
  visit("lost_subflows", report.lost_subflows);
}

}  // namespace

unsigned DownloadReport::all_broken() const {
  return std::accumulate(broken.begin(), broken.end(), 0U,
                         [](unsigned sum, const auto& server) { return sum + server.second; });
}

DownloadReport operator+(const DownloadReport& a, const DownloadReport& b) {
  DownloadReport out = a;
  std::vector<unsigned> added;
  each_count(b, [&](const char*, unsigned value) { added.push_back(value); });
  auto next = added.begin();
  each_count(out, [&](const char*, unsigned& value) { value += *next++; });
  for (const auto& [server, count] : b.broken) out.broken[server] += count;
  if (!b.last_failure.empty()) out.last_failure = b.last_failure;
  return out;
}

std::string format_download_report(const DownloadReport& report) {
  nlohmann::json out;
  each_count(report, [&](const char* name, unsigned value) { out[name] = value; });
  auto& broken = out["broken"] = nlohmann::json::object();
  for (const auto& [server, count] : report.broken) broken[std::to_string(server)] = count;
  out["last_failure"] = report.last_failure;
  return out.dump(-1, ' ', false, nlohmann::json::error_handler_t::replace);
}

Result<DownloadReport> parse_download_report(std::string_view line) {
  const auto parsed = nlohmann::json::parse(line, nullptr, false);
  if (!parsed.is_object()) return fail("not a report: " + std::string(line));
  DownloadReport out;
  each_count(out, [&](const char* name, unsigned& value) { value = parsed.value(name, 0U); });
  const auto broken = parsed.value("broken", nlohmann::json::object());
  for (const auto& [server, count] : broken.items())
    out.broken[static_cast<unsigned>(std::stoul(server))] = count.get<unsigned>();
  out.last_failure = parsed.value("last_failure", "");
  return out;
}

std::vector<std::string> download_arguments(const DownloadOptions& options) {
  const auto in_seconds = [](nanoseconds time) {
    return fmt::format("{}", std::chrono::duration<double>(time).count());
  };
  return {"--connect",       options.service.text(),
          "--sha256",        options.sha256,
          "--live",          std::to_string(options.live),
          "--total",         std::to_string(options.total),
          "--pieces",        std::to_string(options.pieces),
          "--joins",         std::to_string(options.joins),
          "--join-patience", in_seconds(options.join_patience),
          "--pause",         in_seconds(options.pause),
          "--patience",      in_seconds(options.patience)};
}

}  // namespace anabranch::lab
