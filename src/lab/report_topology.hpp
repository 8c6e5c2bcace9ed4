// SPDX-License-Identifier: MIT
// The picture of a topology: laid out left to right without help, drawn as inline SVG.
//
// The layout is a small layered one. The first node and its twins (nodes with exactly the same
// neighbours, such as the other hosts on its LAN) form the leftmost column; every other node or LAN
// stands in the column given by its distance in hops from them. Distances along an edge differ by
// at most one, so an edge never has to pass a column, and no routing around boxes is needed. Within
// a column the order follows the average place of the neighbours, which removes most crossings.
#pragma once

#include <cstddef>
#include <string>
#include <vector>

#include "lab/topology.hpp"

namespace anabranch::lab {

/// A rectangle in pixels, y downwards.
struct Rectangle {
  double x = 0;
  double y = 0;
  double width = 0;
  double height = 0;

  double right() const { return x + width; }
  double bottom() const { return y + height; }
  double middle() const { return y + height / 2; }
  bool overlaps(const Rectangle& other) const {
    return x < other.right() && other.x < right() && y < other.bottom() && other.y < bottom();
  }
};

/// A node, or a LAN's switch.
struct PlacedBox {
  std::string name;
  bool is_switch = false;
  std::string title;               ///< first line, cut to fit
  std::vector<std::string> lines;  ///< below it, cut to fit
  std::string full;                ///< everything, for the tooltip
  Rectangle area;
};

/// A link, or a port of a LAN.
struct PlacedEdge {
  std::size_t from = 0;  ///< index of the left box (upper one within a column)
  std::size_t to = 0;
  bool emulated = false;
  std::string name;   ///< empty for a LAN's port
  std::string label;  ///< rate, delay, loss
  double x1 = 0, y1 = 0, x2 = 0, y2 = 0;
  double bend_from = 0, bend_to = 0;  ///< the line is level outside of this range of x
  Rectangle label_area;               ///< empty width: no label
};

struct Layout {
  std::vector<PlacedBox> boxes;  ///< nodes in the order of the topology, then LANs
  std::vector<PlacedEdge> edges;
  double width = 0;
  double height = 0;
};

/// Links that end at an unknown node are left out.
Layout lay_out(const Topology& topology);
/// An <svg> element that takes its colours from the report's style sheet.
std::string topology_svg(const Topology& topology);

}  // namespace anabranch::lab
