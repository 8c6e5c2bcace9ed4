// SPDX-License-Identifier: MIT
// The exchanges' report as text, {"exchanges":[[syn, greeted, request, reply], ...], ...} on one
// line, and their options as words.
#include <fmt/format.h>
#include <nlohmann/json.hpp>

#include "lab/exchange.hpp"

namespace anabranch::lab {

using nlohmann::json;

std::string format_exchange_report(const ExchangeReport& report) {
  if (report.listening) return json{{"listening", true}}.dump();
  auto exchanges = json::array();
  for (const auto& exchange : report.exchanges)
    exchanges.push_back(
        {exchange.syn_ns, exchange.greeted_ns, exchange.request_ns, exchange.reply_ns});
  return json{{"exchanges", std::move(exchanges)},
              {"failed", report.failed},
              {"last_failure", report.last_failure}}
      .dump(-1, ' ', false, json::error_handler_t::replace);
}

Result<ExchangeReport> parse_exchange_report(std::string_view line) {
  try {
    const auto parsed = json::parse(line);
    ExchangeReport out;
    out.listening = parsed.value("listening", false);
    if (out.listening) return out;
    for (const auto& row : parsed.at("exchanges"))
      out.exchanges.push_back({row.at(0).get<std::int64_t>(), row.at(1).get<std::int64_t>(),
                               row.at(2).get<std::int64_t>(), row.at(3).get<std::int64_t>()});
    out.failed = parsed.at("failed").get<unsigned>();
    out.last_failure = parsed.at("last_failure").get<std::string>();
    return out;
  } catch (const std::exception& error) {
    return fail(fmt::format("not the report of exchanges: {}", error.what()),
                std::string(line.substr(0, 80)));
  }
}

std::vector<std::string> exchange_arguments(const ExchangeOptions& options) {
  std::vector<std::string> out = {options.listen ? "--listen" : "--connect",
                                  options.endpoint.text()};
  if (options.server_first) out.emplace_back("--server-first");
  if (options.via) out.insert(out.end(), {"--via", options.via->text()});
  if (!options.listen)
    out.insert(out.end(), {"--count", std::to_string(options.count), "--pause-ms",
                           std::to_string(std::chrono::ceil<milliseconds>(options.pause).count())});
  return out;
}

}  // namespace anabranch::lab
