// SPDX-License-Identifier: MIT
#include "lab/progress.hpp"

#include <algorithm>
#include <cerrno>
#include <cmath>
#include <cstdlib>

#include <fmt/core.h>
#include <sys/ioctl.h>
#include <unistd.h>

#include "lab/report_text.hpp"

namespace anabranch::lab {
namespace {

constexpr unsigned kDefaultWidth = 80;
constexpr unsigned kMinimalWidth = 20;
/// Beyond this a bar says nothing more and the eye loses the row.
constexpr unsigned kMaximalWidth = 110;

unsigned terminal_width(int fd) {
  winsize size{};
  if (::ioctl(fd, TIOCGWINSZ, &size) != 0 || size.ws_col == 0) return kDefaultWidth;
  return size.ws_col;
}

bool locale_is_utf8() {
  for (const char* name : {"LC_ALL", "LC_CTYPE", "LANG"})
    if (const char* value = std::getenv(name); value && *value) {
      std::string text(value);
      std::ranges::transform(text, text.begin(), [](char c) { return c & 0x40 ? c & ~0x20 : c; });
      return text.find("UTF-8") != text.npos || text.find("UTF8") != text.npos;
    }
  return false;
}

void write_all(int fd, std::string_view text) {
  while (!text.empty()) {
    const auto written = ::write(fd, text.data(), text.size());
    if (written < 0 && errno == EINTR) continue;
    if (written <= 0) return;  // a closed terminal is no reason to stop measuring
    text.remove_prefix(static_cast<std::size_t>(written));
  }
}

std::string padded(std::string_view text, std::size_t columns) {
  auto out = shorten(text, columns);
  out.append(columns - text_columns(out), ' ');
  return out;
}

/// `part` of 0..1 of `columns`, in eighths of a column where the terminal can show them.
std::string bar(double part, unsigned columns, bool unicode, bool rest) {
  static constexpr std::string_view kEighths[] = {"", "▏", "▎", "▍", "▌", "▋", "▊", "▉"};
  part = std::isfinite(part) ? std::clamp(part, 0.0, 1.0) : 0;
  const auto eighths = static_cast<unsigned>(std::lround(part * columns * 8));
  const unsigned full = unicode ? eighths / 8 : static_cast<unsigned>(part * columns);
  std::string out;
  for (unsigned i = 0; i < full; ++i) out += unicode ? "█" : "#";
  unsigned used = full;
  if (unicode && eighths % 8 != 0) out += kEighths[eighths % 8], ++used;
  if (rest)
    for (; used < columns; ++used) out += unicode ? "░" : ".";
  return out;
}

std::string coloured(std::string_view code, const std::string& text, bool colours) {
  return colours ? fmt::format("\x1b[{}m{}\x1b[0m", code, text) : text;
}

std::string step_lines(unsigned width, const ProgressState& state) {
  const auto count = fmt::format("step {} of {}", state.step, state.steps);
  std::string out;
  if (width > count.size() + 4)
    out =
        count + "  " + coloured("1", shorten(state.what, width - count.size() - 2), state.colours);
  else
    out = shorten(state.what, width);
  out += '\n';
  if (state.expected.count() <= 0) return out;
  const double part =
      std::chrono::duration<double>(state.elapsed) / std::chrono::duration<double>(state.expected);
  const auto figures =
      fmt::format(" {:3.0f} %  {:.1f} of {:.1f} s", std::clamp(part, 0.0, 1.0) * 100,
                  std::chrono::duration<double>(state.elapsed).count(),
                  std::chrono::duration<double>(state.expected).count());
  if (width < figures.size() + 6) return out + shorten(figures, width) + '\n';
  const auto columns = static_cast<unsigned>(width - figures.size());
  return out + coloured("36", bar(part, columns, state.unicode, true), state.colours) + figures +
         '\n';
}

std::string path_lines(unsigned width, const ProgressState& state) {
  constexpr unsigned kFigures = 14 + 11 + 11;  // rate, RTT, octets
  const bool figures_fit = width >= kFigures + 8;
  std::size_t label = 4;
  double fastest = 0;
  for (const auto& path : state.paths) {
    label = std::max(label, text_columns(path.label));
    fastest = std::max(fastest, path.rate.bits_per_second);
  }
  label = std::min<std::size_t>(label, figures_fit ? std::min(width - kFigures, 28U) : width);
  if (!figures_fit) label = std::min<std::size_t>(label, width > 20 ? width - 14 : 6);
  const std::size_t used = label + (figures_fit ? kFigures : 14);
  const auto columns = width >= used + 8 ? static_cast<unsigned>(width - used - 2) : 0U;
  std::string out = padded("path", label) + fmt::format("{:>14}", "rate");
  if (figures_fit) out += fmt::format("{:>11}{:>11}", "RTT", "octets");
  out = coloured("2", out, state.colours) + '\n';
  for (const auto& path : state.paths) {
    out += padded(path.label, label) + fmt::format("{:>14}", shorten(path.rate.text(), 13));
    if (figures_fit)
      out += fmt::format("{:>11}{:>11}",
                         path.rtt_ms > 0 ? shorten(fmt::format("{:.1f} ms", path.rtt_ms), 10) : "-",
                         shorten(octets_text(path.octets), 10));
    if (columns > 0 && fastest > 0)
      out += "  " +
             coloured("36", bar(path.rate.bits_per_second / fastest, columns, state.unicode, false),
                      state.colours);
    out += '\n';
  }
  return out;
}

}  // namespace

std::size_t visible_columns(std::string_view line) {
  std::string visible;
  for (std::size_t at = 0; at < line.size(); ++at) {
    if (line[at] == '\x1b')
      at = std::min(line.find('m', at), line.size());
    else
      visible += line[at];
  }
  return text_columns(visible);
}

std::string render(unsigned width, const ProgressState& state) {
  width = std::clamp(width, kMinimalWidth, kMaximalWidth);
  auto out = coloured("1", shorten(state.title, width), state.colours) + '\n';
  if (state.step > 0) out += step_lines(width, state);
  if (!state.paths.empty()) out += path_lines(width, state);
  return out;
}

bool is_live_terminal(int fd) {
  const char* term = std::getenv("TERM");
  return ::isatty(fd) && term && *term && std::string_view(term) != "dumb";
}

Progress::Progress(int fd, std::string title, unsigned steps)
    : fd_(fd), live_(is_live_terminal(fd)) {
  state_.title = std::move(title);
  state_.steps = steps;
  state_.unicode = locale_is_utf8();
  state_.colours = live_;
  if (live_)
    draw();
  else
    write_all(fd_, state_.title + "\n");
}

Progress::~Progress() {
  erase();
}

void Progress::step(std::string what, nanoseconds expected) {
  if (running_) finish_step({});
  running_ = true;
  ++state_.step;
  state_.what = std::move(what);
  state_.expected = expected;
  state_.elapsed = {};
  state_.paths.clear();
  if (live_)
    draw();
  else
    write_all(fd_, fmt::format("[{}/{}] {}\n", state_.step, state_.steps, state_.what));
}

void Progress::update(const std::vector<PathRow>& paths, nanoseconds elapsed) {
  state_.paths = paths;
  state_.elapsed = elapsed;
  if (live_) draw();
}

void Progress::note(const std::string& line) {
  keep(line);
}

void Progress::finish_step(const std::string& figures) {
  if (!running_) return;
  running_ = false;
  state_.paths.clear();
  keep(fmt::format("[{}/{}] {}: {}", state_.step, state_.steps, state_.what,
                   figures.empty() ? "done" : figures));
}

/// One write for the whole frame: a terminal shows it without flicker.
void Progress::draw() {
  // A line as wide as the terminal would wrap on some of them, and the next frame start too low.
  const auto frame = render(terminal_width(fd_) - 1, state_);
  std::string out = drawn_lines_ > 0 ? fmt::format("\r\x1b[{}A\x1b[J", drawn_lines_) : "";
  drawn_lines_ = static_cast<unsigned>(std::ranges::count(frame, '\n'));
  write_all(fd_, out + frame);
}

void Progress::erase() {
  if (drawn_lines_ > 0) write_all(fd_, fmt::format("\r\x1b[{}A\x1b[J", drawn_lines_));
  drawn_lines_ = 0;
}

void Progress::keep(const std::string& line) {
  erase();
  write_all(fd_, line + "\n");
  if (live_ && running_) draw();
}

}  // namespace anabranch::lab
