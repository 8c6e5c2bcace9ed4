// SPDX-License-Identifier: MIT
// What a running scenario looks like on the terminal, and the table at its end.
//
// On a terminal a block of lines (step, bar, a row for each path) is redrawn in place. Anywhere
// else, in a pipe or a log, a step is one line when it starts and one when it ends.
#pragma once

#include <string>
#include <vector>

#include "base/units.hpp"
#include "lab/result.hpp"

namespace anabranch::lab {

/// One path as the receiver sees it now.
struct PathRow {
  std::string label;
  BitRate rate;
  double rtt_ms = 0;  ///< zero: not known
  std::uint64_t octets = 0;
};

/// Everything that is drawn.
struct ProgressState {
  std::string title;
  unsigned steps = 0;
  unsigned step = 0;  ///< from 1; 0: none has started
  std::string what;
  nanoseconds expected{};  ///< length of the step; zero: not known, no bar
  nanoseconds elapsed{};
  std::vector<PathRow> paths;
  bool unicode = true;  ///< the terminal shows UTF-8
  bool colours = true;
};

/// The block for a terminal `width` columns wide: lines that end in a line feed, none wider than
/// `width` (escape sequences not counted).
std::string render(unsigned width, const ProgressState& state);

/// Columns that a line takes on the terminal: escape sequences take none.
std::size_t visible_columns(std::string_view line);

class Progress {
 public:
  /// Draws on `fd`, which stays the caller's. `steps` is how often step() will be called.
  Progress(int fd, std::string title, unsigned steps);
  ~Progress();
  Progress(const Progress&) = delete;
  Progress& operator=(const Progress&) = delete;

  /// For who learns only now how many steps there will be.
  void set_steps(unsigned steps) { state_.steps = steps; }
  void step(std::string what, nanoseconds expected);
  /// New figures of the current step; shown on a terminal only.
  void update(const std::vector<PathRow>& paths, nanoseconds elapsed);
  /// A line that stays.
  void note(const std::string& line);
  /// Ends the current step with the figures it came to ("46.7 Mbit/s, gap 157 ms"; may be empty).
  void finish_step(const std::string& figures);

 private:
  void draw();
  void erase();
  void keep(const std::string& line);

  int fd_;
  bool live_;
  bool running_ = false;
  unsigned drawn_lines_ = 0;
  ProgressState state_;
};

/// Whether escape sequences make sense on `fd`: a terminal, and TERM is not "dumb".
bool is_live_terminal(int fd);

/// Measurements and expectations in aligned columns, "ok" or "MISSED" at each, the verdict last.
std::string final_table(const ScenarioResult& result, bool colours);

}  // namespace anabranch::lab
