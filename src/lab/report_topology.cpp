// SPDX-License-Identifier: MIT
#include "lab/report_topology.hpp"

#include <algorithm>

#include <fmt/core.h>

#include "lab/report_text.hpp"

namespace anabranch::lab {
namespace {

/// How far a link between two boxes of one column swings out to the right.
constexpr double kLoop = 44;

std::string edge_path(const PlacedEdge& edge, bool loop) {
  if (loop) {
    const double x = std::max(edge.x1, edge.x2) + kLoop;
    return fmt::format("M{:.1f} {:.1f}C{:.1f} {:.1f} {:.1f} {:.1f} {:.1f} {:.1f}", edge.x1, edge.y1,
                       x, edge.y1, x, edge.y2, edge.x2, edge.y2);
  }
  const double middle = (edge.bend_from + edge.bend_to) / 2;
  return fmt::format("M{:.1f} {:.1f}H{:.1f}C{:.1f} {:.1f} {:.1f} {:.1f} {:.1f} {:.1f}H{:.1f}",
                     edge.x1, edge.y1, edge.bend_from, middle, edge.y1, middle, edge.y2,
                     edge.bend_to, edge.y2, edge.x2);
}

std::string edge_label(const PlacedEdge& edge) {
  const double x = edge.label_area.x + edge.label_area.width / 2;
  const double y = edge.label_area.middle();
  return fmt::format(
      "<text class=\"link-name\" x=\"{0:.1f}\" y=\"{1:.1f}\">{2}</text>"
      "<text class=\"link-profile\" x=\"{0:.1f}\" y=\"{3:.1f}\">{4}</text>\n",
      x, y - 6, escape_html(edge.name), y + 15, escape_html(edge.label));
}

std::string node_svg(const PlacedBox& box) {
  const auto& area = box.area;
  auto out = fmt::format(
      "<g class=\"node\"><title>{}</title>"
      "<rect x=\"{:.1f}\" y=\"{:.1f}\" width=\"{:.1f}\" height=\"{:.1f}\" rx=\"7\"/>",
      escape_html(box.full), area.x, area.y, area.width, area.height);
  // Text block in the middle of boxes that had to grow for their ports.
  double y = area.middle() - (14 + 16 * static_cast<double>(box.lines.size())) / 2 + 12;
  const double x = area.x + area.width / 2;
  out += fmt::format("<text class=\"node-title\" x=\"{:.1f}\" y=\"{:.1f}\">{}</text>", x, y,
                     escape_html(box.title));
  for (const auto& line : box.lines)
    out += fmt::format("<text class=\"node-line\" x=\"{:.1f}\" y=\"{:.1f}\">{}</text>", x, y += 16,
                       escape_html(line));
  return out + "</g>\n";
}

std::string switch_svg(const PlacedBox& box) {
  const auto& area = box.area;
  const double x = area.x + area.width / 2;
  return fmt::format(
      "<g class=\"switch\"><title>{}</title>"
      "<rect x=\"{:.1f}\" y=\"{:.1f}\" width=\"{:.1f}\" height=\"{:.1f}\" rx=\"5\"/>"
      "<text class=\"node-title\" x=\"{:.1f}\" y=\"{:.1f}\">{}</text>"
      "<text class=\"node-line\" x=\"{:.1f}\" y=\"{:.1f}\">switch</text></g>\n",
      escape_html(box.full), area.x, area.y, area.width, area.height, x, area.middle() - 3,
      escape_html(box.title), x, area.middle() + 14);
}

}  // namespace

std::string topology_svg(const Topology& topology) {
  const auto layout = lay_out(topology);
  auto out = fmt::format(
      "<svg class=\"topology\" viewBox=\"0 0 {0:.0f} {1:.0f}\" style=\"max-width:{0:.0f}px\" "
      "role=\"img\" aria-label=\"Topology: {2} nodes, {3} links\">\n",
      layout.width, layout.height, topology.nodes.size(), topology.links.size());
  for (const auto& edge : layout.edges) {
    const bool loop = layout.boxes[edge.from].area.right() == edge.x1 &&
                      layout.boxes[edge.to].area.right() == edge.x2;
    const auto tip = layout.boxes[edge.from].name + " – " + layout.boxes[edge.to].name +
                     (edge.name.empty() ? "" : "\n" + edge.name + ": " + edge.label);
    out += fmt::format("<path class=\"link{}\" d=\"{}\"><title>{}</title></path>\n",
                       edge.emulated ? " emulated" : "", edge_path(edge, loop), escape_html(tip));
  }
  for (const auto& edge : layout.edges)
    if (edge.label_area.width > 0) out += edge_label(edge);
  for (const auto& box : layout.boxes) out += box.is_switch ? switch_svg(box) : node_svg(box);
  return out + "</svg>\n";
}

}  // namespace anabranch::lab
