// SPDX-License-Identifier: MIT
// lay_out(): columns by hop distance, order by neighbours, then pixels. See report_topology.hpp.
#include <algorithm>
#include <map>
#include <numeric>
#include <set>

#include "lab/report_text.hpp"
#include "lab/report_topology.hpp"

namespace anabranch::lab {
namespace {

// Pixels. Character widths are generous for the fonts the report names, as they cannot be measured.
constexpr double kMargin = 16;
constexpr double kTitleCharacter = 7.8;
constexpr double kLineCharacter = 6.7;
constexpr double kLineHeight = 16;
constexpr double kBoxPadding = 14;
constexpr double kRowGap = 30;
constexpr double kCompactRowGap = 18;
constexpr double kLabelHeight = 38;
constexpr double kLabelPitch = kLabelHeight + 4;
constexpr double kPlainGap = 64;        ///< between columns whose edges have no label
constexpr double kLabelClearance = 84;  ///< for the curve and the space around the label
constexpr double kLabelSpace = 9;       ///< between a label and the boxes it stands by
constexpr double kSwitchWidth = 62;
constexpr double kSwitchHeight = 54;
constexpr std::size_t kMaxBoxCharacters = 30;
constexpr std::size_t kMaxLabelCharacters = 34;
constexpr std::size_t kMaxLines = 4;
/// A column with more boxes than this shows one address a box.
constexpr std::size_t kCompactFrom = 7;
/// A column of this many hosts on one switch is drawn as two interleaved ones.
constexpr std::size_t kStaggerFrom = 10;

using Indices = std::vector<std::size_t>;

struct Graph {
  std::size_t nodes = 0;  ///< vertices below this are nodes, from here on LANs
  std::vector<std::set<std::size_t>> neighbours;
  std::vector<PlacedEdge> edges;
};

Graph make_graph(const Topology& topology) {
  Graph graph{.nodes = topology.nodes.size(),
              .neighbours =
                  std::vector<std::set<std::size_t>>(topology.nodes.size() + topology.lans.size()),
              .edges = {}};
  std::map<std::string, std::size_t> by_name;
  for (std::size_t i = 0; i < graph.nodes; ++i) by_name.emplace(topology.nodes[i].name, i);
  const auto connect = [&](std::size_t from, std::size_t to, PlacedEdge edge) {
    if (from == to) return;
    edge.from = from;
    edge.to = to;
    graph.neighbours[from].insert(to);
    graph.neighbours[to].insert(from);
    graph.edges.push_back(std::move(edge));
  };
  for (const auto& link : topology.links) {
    const auto a = by_name.find(link.a.node);
    const auto b = by_name.find(link.b.node);
    if (a == by_name.end() || b == by_name.end()) continue;
    PlacedEdge edge;
    edge.emulated = link.profile.has_value();
    edge.name = shorten(link.name, kMaxLabelCharacters);
    edge.label = shorten(link_text(link.profile), kMaxLabelCharacters);
    connect(a->second, b->second, std::move(edge));
  }
  for (std::size_t lan = 0; lan < topology.lans.size(); ++lan)
    for (const auto& port : topology.lans[lan].ports)
      if (const auto node = by_name.find(port.node); node != by_name.end())
        connect(node->second, graph.nodes + lan, {});
  return graph;
}

/// The column of every vertex. A part that is not connected to the rest starts at the left again.
Indices columns_by_distance(const Graph& graph) {
  constexpr auto kNone = static_cast<std::size_t>(-1);
  const std::size_t count = graph.neighbours.size();
  Indices column(count, kNone);
  for (std::size_t first = 0; first < count; ++first) {
    if (column[first] != kNone) continue;
    Indices frontier;
    for (std::size_t vertex = first; vertex < count; ++vertex)
      if (vertex == first || (!graph.neighbours[first].empty() &&
                              graph.neighbours[vertex] == graph.neighbours[first])) {
        column[vertex] = 0;
        frontier.push_back(vertex);
      }
    while (!frontier.empty()) {
      Indices next;
      for (const auto vertex : frontier)
        for (const auto neighbour : graph.neighbours[vertex])
          if (column[neighbour] == kNone) {
            column[neighbour] = column[vertex] + 1;
            next.push_back(neighbour);
          }
      frontier = std::move(next);
    }
  }
  return column;
}

/// Vertices of each column from top to bottom.
std::vector<Indices> ordered_columns(const Graph& graph, const Indices& column) {
  std::vector<Indices> out;
  for (std::size_t vertex = 0; vertex < column.size(); ++vertex) {
    if (out.size() <= column[vertex]) out.resize(column[vertex] + 1);
    out[column[vertex]].push_back(vertex);
  }
  std::vector<double> place(column.size());
  const auto number = [&](const Indices& vertices) {
    // In the range 0..1, so that columns of different length compare.
    for (std::size_t i = 0; i < vertices.size(); ++i)
      place[vertices[i]] = (static_cast<double>(i) + 0.5) / static_cast<double>(vertices.size());
  };
  std::ranges::for_each(out, number);
  const auto sort_by = [&](Indices& vertices, std::size_t neighbour_column) {
    std::vector<double> wanted(place);
    for (const auto vertex : vertices) {
      double sum = 0;
      unsigned found = 0;
      for (const auto neighbour : graph.neighbours[vertex])
        if (column[neighbour] == neighbour_column) sum += place[neighbour], ++found;
      if (found) wanted[vertex] = sum / found;
    }
    std::ranges::stable_sort(vertices, {}, [&](std::size_t vertex) { return wanted[vertex]; });
    number(vertices);
  };
  for (int sweep = 0; sweep < 4; ++sweep) {
    for (std::size_t i = 1; i < out.size(); ++i) sort_by(out[i], i - 1);
    for (std::size_t i = out.size(); i-- > 1;) sort_by(out[i - 1], i);
  }
  return out;
}

PlacedBox node_box(const Node& node, bool compact) {
  PlacedBox box;
  box.name = node.name;
  box.title = shorten(node.title.empty() ? node.name : node.title, kMaxBoxCharacters);
  box.full = node.title.empty() || node.title == node.name ? node.name
                                                           : node.title + " (" + node.name + ")";
  if (!compact && !node.title.empty() && node.title != node.name)
    box.lines.push_back(shorten(node.name, kMaxBoxCharacters));
  const std::size_t limit = compact ? 1 : kMaxLines;
  // "+1 more" would take the line that the last address needs.
  const std::size_t shown = node.addresses.size() <= limit ? node.addresses.size()
                            : compact                      ? limit
                                                           : limit - 1;
  for (std::size_t i = 0; i < node.addresses.size(); ++i) {
    const auto& [interface, address] = node.addresses[i];
    const auto line = interface + " " + address.text();
    box.full += "\n" + line;
    if (i < shown) box.lines.push_back(shorten(line, kMaxBoxCharacters));
  }
  if (shown < node.addresses.size() && !compact)
    box.lines.push_back("+" + std::to_string(node.addresses.size() - shown) + " more");
  std::size_t longest = 0;
  for (const auto& line : box.lines) longest = std::max(longest, text_columns(line));
  const double text = std::max(kLineCharacter * static_cast<double>(longest),
                               kTitleCharacter * static_cast<double>(text_columns(box.title)));
  box.area.width = std::max(84.0, text + 2 * kBoxPadding);
  box.area.height = 30 + kLineHeight * static_cast<double>(box.lines.size());
  return box;
}

PlacedBox switch_box(const Lan& lan) {
  PlacedBox box;
  box.name = lan.name;
  box.is_switch = true;
  box.title = shorten(lan.name, 12);
  box.full = "LAN " + lan.name + ", " + std::to_string(lan.ports.size()) + " ports";
  box.area.width =
      std::max(kSwitchWidth, kTitleCharacter * static_cast<double>(text_columns(box.title)) + 16);
  box.area.height = kSwitchHeight;
  return box;
}

/// Gives pixels to what the graph and its columns say.
class Placement {
 public:
  Placement(const Topology& topology, Graph graph)
      : graph_(std::move(graph)),
        column_(columns_by_distance(graph_)),
        columns_(ordered_columns(graph_, column_)) {
    for (std::size_t vertex = 0; vertex < column_.size(); ++vertex)
      out_.boxes.push_back(
          vertex < graph_.nodes
              ? node_box(topology.nodes[vertex], columns_[column_[vertex]].size() > kCompactFrom)
              : switch_box(topology.lans[vertex - graph_.nodes]));
  }

  Layout run() {
    make_room_for_parallel_links();
    place_boxes();
    stretch_switches();
    place_ports();
    place_labels();
    out_.edges = std::move(graph_.edges);
    return std::move(out_);
  }

 private:
  Rectangle& area(std::size_t vertex) { return out_.boxes[vertex].area; }
  bool same_column(const PlacedEdge& edge) const { return column_[edge.from] == column_[edge.to]; }
  bool lone_switch(std::size_t vertex) const {
    return vertex >= graph_.nodes && columns_[column_[vertex]].size() == 1;
  }

  void make_room_for_parallel_links() {
    std::map<std::pair<std::size_t, std::size_t>, unsigned> parallel;
    for (auto& edge : graph_.edges) {
      if (column_[edge.from] > column_[edge.to]) std::swap(edge.from, edge.to);
      const unsigned count = ++parallel[std::minmax(edge.from, edge.to)];
      if (edge.name.empty() || count < 2) continue;
      for (const auto vertex : {edge.from, edge.to})
        area(vertex).height = std::max(area(vertex).height, kLabelPitch * (count + 1));
    }
  }

  /// All boxes hang on one switch that has its column to itself: their lines can run level.
  bool can_stagger(const Indices& vertices) const {
    if (vertices.size() < kStaggerFrom) return false;
    const auto& hub = graph_.neighbours[vertices.front()];
    return hub.size() == 1 && lone_switch(*hub.begin()) &&
           std::ranges::all_of(vertices, [&](auto v) { return graph_.neighbours[v] == hub; });
  }

  double gap_after(std::size_t column) const {
    double gap = column + 1 < columns_.size() ? kPlainGap : 0;
    for (const auto& edge : graph_.edges)
      if (column_[edge.from] == column) {
        const auto longest = std::max(text_columns(edge.name), text_columns(edge.label));
        if (!edge.name.empty())
          gap = std::max(gap, kLineCharacter * static_cast<double>(longest) + kLabelClearance);
        else if (same_column(edge))
          gap = std::max(gap, kPlainGap);
      }
    return gap;
  }

  void place_boxes() {
    std::vector<double> heights;
    std::vector<bool> staggered;
    for (const auto& vertices : columns_) {
      staggered.push_back(can_stagger(vertices));
      double height = 0;
      double tallest = 0;
      for (const auto vertex : vertices) {
        height += area(vertex).height + row_gap(vertices);
        tallest = std::max(tallest, area(vertex).height);
      }
      if (staggered.back()) {
        for (const auto vertex : vertices) area(vertex).height = tallest;
        height = (tallest + kCompactRowGap) * (static_cast<double>(vertices.size()) + 1) / 2;
      }
      heights.push_back(height - row_gap(vertices));
    }
    const double tallest = heights.empty() ? 0 : std::ranges::max(heights);
    out_.height = tallest + 2 * kMargin;
    double x = kMargin;
    for (std::size_t i = 0; i < columns_.size(); ++i) {
      double width = 0;
      for (const auto vertex : columns_[i]) width = std::max(width, area(vertex).width);
      const double top = kMargin + (tallest - heights[i]) / 2;
      if (staggered[i]) {
        place_staggered(columns_[i], x, top, width);
        width = 2 * width + kMargin;
      } else {
        double y = top;
        for (const auto vertex : columns_[i]) {
          area(vertex).x = x + (width - area(vertex).width) / 2;
          area(vertex).y = y;
          y += area(vertex).height + row_gap(columns_[i]);
        }
      }
      x += width;
      column_right_.push_back(x);
      x += gap_after(i);
    }
    out_.width = x + kMargin;
  }

  static double row_gap(const Indices& vertices) {
    return vertices.size() > kCompactFrom ? kCompactRowGap : kRowGap;
  }

  /// Two columns, the second half a row lower, so that the lines of the one further from the switch
  /// pass between the boxes of the other.
  void place_staggered(const Indices& vertices, double x, double top, double width) {
    const double pitch = area(vertices.front()).height + kCompactRowGap;
    for (std::size_t i = 0; i < vertices.size(); ++i) {
      auto& box = area(vertices[i]);
      box.width = width;
      box.x = x + (i % 2 ? width + kMargin : 0);
      box.y = top + pitch * static_cast<double>(i) / 2;
    }
  }

  /// A switch alone in its column reaches from its highest to its lowest neighbour.
  void stretch_switches() {
    for (std::size_t vertex = graph_.nodes; vertex < out_.boxes.size(); ++vertex) {
      if (!lone_switch(vertex) || graph_.neighbours[vertex].empty()) continue;
      double top = out_.height;
      double bottom = 0;
      for (const auto neighbour : graph_.neighbours[vertex]) {
        top = std::min(top, area(neighbour).middle());
        bottom = std::max(bottom, area(neighbour).middle());
      }
      const double height = std::max(kSwitchHeight, bottom - top + 28);
      area(vertex).y = std::max(0.0, (top + bottom - height) / 2);
      area(vertex).height = height;
    }
  }

  void place_ports() {
    struct Port {
      double other;
      double* y;
    };
    std::map<std::pair<std::size_t, bool>, std::vector<Port>> sides;  // vertex, right side
    for (auto& edge : graph_.edges) {
      if (same_column(edge) && area(edge.from).y > area(edge.to).y) std::swap(edge.from, edge.to);
      const bool loop = same_column(edge);
      edge.x1 = area(edge.from).right();
      edge.x2 = loop ? area(edge.to).right() : area(edge.to).x;
      sides[{edge.from, true}].push_back({area(edge.to).middle(), &edge.y1});
      sides[{edge.to, loop}].push_back({area(edge.from).middle(), &edge.y2});
    }
    for (auto& [side, ports] : sides) {
      std::ranges::stable_sort(ports, {}, &Port::other);
      const auto& box = area(side.first);
      for (std::size_t i = 0; i < ports.size(); ++i)
        *ports[i].y =
            box.y + box.height * static_cast<double>(i + 1) / static_cast<double>(ports.size() + 1);
    }
    for (auto& edge : graph_.edges) {
      if (same_column(edge)) continue;
      if (lone_switch(edge.from)) edge.y1 = edge.y2;
      if (lone_switch(edge.to)) edge.y2 = edge.y1;
    }
  }

  /// A label stands at the end where fewer lines meet, over a level stretch of its line: the name
  /// above the line, the profile below.
  void place_labels() {
    std::map<std::pair<std::size_t, bool>, unsigned> meeting;
    for (const auto& edge : graph_.edges) ++meeting[{edge.from, true}], ++meeting[{edge.to, false}];
    std::map<std::size_t, std::vector<Rectangle*>> gaps;
    for (auto& edge : graph_.edges) {
      const std::size_t column = column_[edge.from];
      const double left = column_right_[column];
      const double right = left + gap_after(column);
      // The same for all lines of a gap, so that their curves match.
      const double level = gap_after(column) - kLabelClearance + 2 * kLabelSpace;
      edge.bend_from = left;
      edge.bend_to = right;
      if (edge.name.empty()) continue;
      const auto longest = std::max(text_columns(edge.name), text_columns(edge.label));
      const double width = kLineCharacter * static_cast<double>(longest) + 8;
      double x = (left + right - width) / 2;
      double y = (edge.y1 + edge.y2) / 2;
      if (!same_column(edge) && edge.y1 != edge.y2) {
        if (meeting[{edge.from, true}] > meeting[{edge.to, false}]) {
          x = right - kLabelSpace - width;
          y = edge.y2;
          edge.bend_to = right - level;
        } else {
          x = left + kLabelSpace;
          y = edge.y1;
          edge.bend_from = left + level;
        }
      }
      edge.label_area = {x, y - kLabelHeight / 2, width, kLabelHeight};
      gaps[column].push_back(&edge.label_area);
    }
    for (auto& [column, labels] : gaps) {
      std::ranges::stable_sort(labels, {}, &Rectangle::y);
      double push = 0;
      for (std::size_t i = 1; i < labels.size(); ++i) {
        const double lowest = labels[i - 1]->y + kLabelPitch;
        push = std::max(push, lowest - labels[i]->y);
        labels[i]->y = std::max(labels[i]->y, lowest);
      }
      // Share the displacement between the upper and the lower half.
      for (auto* label : labels) label->y -= push / 2;
      const double above = std::max(0.0, 2 - labels.front()->y);
      for (auto* label : labels) label->y += above;
      out_.height = std::max(out_.height, labels.back()->bottom() + 2);
    }
  }

  Graph graph_;
  Indices column_;
  std::vector<Indices> columns_;
  std::vector<double> column_right_;
  Layout out_;
};

}  // namespace

Layout lay_out(const Topology& topology) {
  return Placement(topology, make_graph(topology)).run();
}

}  // namespace anabranch::lab
