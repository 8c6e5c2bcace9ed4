// SPDX-License-Identifier: MIT
#include "lab/report_html.hpp"

#include <algorithm>

#include <fmt/core.h>

#include "lab/report_chart.hpp"
#include "lab/report_style.hpp"
#include "lab/report_text.hpp"
#include "lab/report_topology.hpp"

namespace anabranch::lab {
namespace {

std::string verdict(const ScenarioResult& result) {
  const auto all = result.expectations.size();
  const auto missed =
      all - static_cast<std::size_t>(std::ranges::count_if(result.expectations, &Expectation::ok));
  if (all == 0) return "<div class=\"verdict quiet\">measured, nothing expected</div>";
  if (missed == 0)
    return fmt::format(
        "<div class=\"verdict ok\">✓ {}</div>",
        all == 1 ? "the expectation holds" : fmt::format("all {} expectations hold", all));
  return fmt::format("<div class=\"verdict missed\">✗ {} of {} expectations missed</div>", missed,
                     all);
}

std::string expectations_table(const std::vector<Expectation>& expectations) {
  std::string out =
      "<section><h2>Expectations</h2>\n<table><tr><th>expected</th><th "
      "class=\"number\">measured</th>"
      "<th class=\"number\">bound</th><th></th></tr>\n";
  for (const auto& expectation : expectations)
    out += fmt::format(
        "<tr><td><code>{}</code></td><td class=\"number\">{}</td>"
        "<td class=\"number quiet\">{}</td><td class=\"state {}\">{}</td></tr>\n",
        escape_html(expectation.name), display_number(expectation.value),
        escape_html(expectation.bound), expectation.ok ? "ok" : "missed",
        expectation.ok ? "✓ ok" : "✗ missed");
  return out + "</table></section>\n";
}

std::string measurements_table(const std::vector<Measurement>& measurements) {
  std::string out =
      "<section><h2>Measurements</h2>\n<table><tr><th>measured</th><th class=\"number\">value</th>"
      "<th>unit</th></tr>\n";
  for (const auto& measurement : measurements)
    out += fmt::format(
        "<tr><td><code>{}</code></td><td class=\"number\">{}</td>"
        "<td class=\"quiet\">{}</td></tr>\n",
        escape_html(measurement.name), display_number(measurement.value),
        escape_html(measurement.unit));
  return out + "</table></section>\n";
}

std::string figures_table(const Table& table) {
  std::string out = fmt::format("<section><h2>{}</h2>\n<table>", escape_html(table.title));
  const auto add_row = [&](const std::vector<std::string>& cells, std::string_view tag) {
    out += "<tr>";
    for (std::size_t i = 0; i < cells.size(); ++i)
      out += fmt::format("<{0}{1}>{2}</{0}>", tag, i == 0 ? "" : " class=\"number\"",
                         escape_html(cells[i]));
    out += "</tr>\n";
  };
  add_row(table.head, "th");
  for (const auto& row : table.rows) add_row(row, "td");
  return out + "</table></section>\n";
}

}  // namespace

std::string report_html(const ScenarioResult& result) {
  const auto title = escape_html(result.title.empty() ? result.scenario : result.title);
  auto out = fmt::format(
      "<!DOCTYPE html>\n<html lang=\"en\">\n<head>\n<meta charset=\"utf-8\">\n"
      "<meta name=\"viewport\" content=\"width=device-width, initial-scale=1\">\n"
      "<title>{}</title>\n<style>{}</style>\n</head>\n<body>\n<main>\n"
      "<header><div><h1>{}</h1><p>Scenario <code>{}</code></p></div>{}</header>\n",
      title, kReportStyle, title, escape_html(result.scenario), verdict(result));
  if (!result.topology.nodes.empty())
    out += "<section><h2>Topology</h2>\n" + topology_svg(result.topology) + "</section>\n";
  for (const auto& chart : result.charts)
    out += fmt::format("<section><h2>{}</h2>\n{}</section>\n", escape_html(chart.title),
                       chart_html(chart));
  out += "<div class=\"tables\">\n";
  if (!result.expectations.empty()) out += expectations_table(result.expectations);
  for (const auto& table : result.tables) out += figures_table(table);
  if (!result.measurements.empty()) out += measurements_table(result.measurements);
  out += fmt::format(
      "</div>\n<footer><span>anabranch {}</span><span>Linux "
      "{}</span></footer>\n</main>\n</body>\n</html>\n",
      escape_html(result.version), escape_html(result.kernel));
  return out;
}

}  // namespace anabranch::lab
