// SPDX-License-Identifier: MIT
#include "gateway/kea.hpp"

#include <algorithm>
#include <array>
#include <cerrno>
#include <cstdlib>
#include <filesystem>
#include <system_error>

#include <fcntl.h>
#include <nlohmann/json.hpp>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include "base/directories.hpp"
#include "base/fd.hpp"
#include "base/units.hpp"
#include "gateway/kea_view.hpp"
#include "kernel/process.hpp"
#include "status/protocol.hpp"

namespace anabranch::gateway {
namespace {

constexpr std::string_view kProgram = "kea-dhcp4";
constexpr seconds kFirstPause{1};
constexpr seconds kLongestPause{60};
constexpr seconds kAnswerPatience{20};
constexpr std::size_t kLongestLine = 4096;

// Warnings of Kea about what is as it should be: it runs on one thread, and it has no address for a
// client that asks for a path there is not.
constexpr std::string_view kOneThread = "DHCP4_MULTI_THREADING_INFO";
constexpr std::string_view kPathRefused = "lan: 0 subnets have no available addresses";

/// Ordinary users' PATH often lacks the sbin folders.
std::string search_path() {
  const char* path = std::getenv("PATH");
  return std::string(path == nullptr ? "/usr/bin:/bin" : path) + ":/usr/sbin:/sbin";
}

KeaView our_view() {
  const auto base = runtime_directory() / "kea";
  return {base / "etc", base / "run", state_directory() / "kea"};
}

std::filesystem::path config_file(const KeaView& view) {
  return view.configuration / "kea-dhcp4.conf";
}

/// The lease database's password is in the configuration: these directories are nobody else's.
Result<void> make_private_directory(const std::filesystem::path& path) {
  ANABRANCH_TRY(make_directory(path));
  if (::chmod(path.c_str(), 0700) != 0)
    return fail_errno("cannot close the directory to others", path.string());
  return {};
}

std::optional<log::Level> parse_severity(std::string_view word) {
  if (word == "DEBUG" || word == "INFO") return log::Level::kDebug;
  if (word == "WARN") return log::Level::kWarning;
  if (word == "ERROR" || word == "FATAL") return log::Level::kError;
  return std::nullopt;
}

std::string_view next_word(std::string_view& text) {
  while (text.starts_with(' ')) text.remove_prefix(1);
  const auto word = text.substr(0, text.find(' '));
  text.remove_prefix(word.size());
  return word;
}

}  // namespace

KeaLine parse_kea_line(std::string_view line) {
  KeaLine out;
  std::string_view rest = line;
  // The severity is the first word of our pattern and the third of Kea's own.
  for (int word = 0; word < 3; ++word) {
    const auto severity = parse_severity(next_word(rest));
    if (!severity) continue;
    out.level = *severity;
    std::string_view ahead = rest;
    if (next_word(ahead).starts_with('[')) rest = ahead;
    while (rest.starts_with(' ')) rest.remove_prefix(1);
    out.text = rest;
    out.message_id = next_word(rest);
    return out;
  }
  out.text = line;
  return out;
}

std::string_view kea_state_name(Kea::State state) {
  switch (state) {
    case Kea::State::kStopped:
      return "stopped";
    case Kea::State::kStarting:
      return "starting";
    case Kea::State::kRunning:
      return "running";
    case Kea::State::kFailed:
      return "failed";
  }
  return {};
}

struct Kea::Impl {
  Impl(Loop& l, std::function<void()> c) : loop(l), changed(std::move(c)) {}

  void become(State next) {
    if (std::exchange(state, next) != next) changed();
  }

  Result<void> prepare_files() {
    ANABRANCH_TRY(make_private_directory(runtime_directory() / "kea"));
    ANABRANCH_TRY(make_private_directory(view.configuration));
    ANABRANCH_TRY(make_private_directory(view.runtime));
    ANABRANCH_TRY(make_private_directory(view.leases));
    // Left by a Kea that was killed with its gateway: where nobody reaps it, its number looks alive
    // and the next one would refuse. There is one gateway a status socket, so it is nobody's now.
    std::error_code ignored;
    std::filesystem::remove(view.runtime / "kea-dhcp4.kea-dhcp4.pid", ignored);
    return replace_file(config_file(view), wanted);
  }

  Result<void> launch() {
    ANABRANCH_TRY(prepare_files());
    auto pipe = kernel::make_pipe();
    if (!pipe) return std::unexpected(pipe.error());
    kernel::SpawnOptions options;
    options.argv = {std::string(kProgram), "-c", "/etc/kea/kea-dhcp4.conf"};
    options.environment = {{"PATH", search_path()},
                           {"KEA_PIDFILE_DIR", "/run/kea"},
                           {"KEA_LOCKFILE_DIR", "none"},
                           {"KEA_LOGGER_DESTINATION", "stdout"}};
    options.standard_output = pipe->write.get();
    options.standard_error = pipe->write.get();
    options.prepare = [this] { return enter_kea_view(view); };
    auto started = kernel::spawn(options);
    if (!started) return std::unexpected(started.error());
    process = *std::move(started);
    output = std::move(pipe->read);
    ::fcntl(output.get(), F_SETFL, ::fcntl(output.get(), F_GETFL) | O_NONBLOCK);
    line.clear();
    given = wanted;
    output_watch = loop.on_readable(output.get(), [this] { read_output(); });
    exit_watch = loop.on_readable(process.pidfd(), [this] { on_exit(); });
    return {};
  }

  void start() {
    retry.reset();
    ++starts;
    started_at = MonotonicClock::now();
    if (const auto done = launch(); !done) {
      log::error("cannot start Kea: {}", done.error().text());
      return schedule_retry();
    }
    become(State::kStarting);
  }

  void schedule_retry() {
    if (MonotonicClock::now() - started_at > kLongestPause) pause = kFirstPause;
    log::info("trying to start Kea again in {}", duration_text(pause));
    retry = loop.after(pause, [this] { start(); });
    pause = std::min(pause * 2, kLongestPause);
    become(State::kFailed);
  }

  /// False when there is nothing more now.
  bool read_output() {
    std::array<char, 8192> buffer;
    const ssize_t got = ::read(output.get(), buffer.data(), buffer.size());
    if (got < 0 && (errno == EAGAIN || errno == EINTR)) return false;
    if (got <= 0) {
      output_watch.reset();
      return false;
    }
    line.append(buffer.data(), static_cast<std::size_t>(got));
    for (auto end = line.find('\n'); end != std::string::npos; end = line.find('\n')) {
      const std::string text = line.substr(0, end);
      line.erase(0, end + 1);
      take_line(text);
    }
    if (line.size() > kLongestLine) line.clear();
    return true;
  }

  void take_line(const std::string& text) {
    const KeaLine parsed = parse_kea_line(text);
    const bool expected = parsed.message_id == kOneThread || parsed.text.contains(kPathRefused);
    if (parsed.level == log::Level::kDebug || expected) {
      log::debug("Kea: {}", parsed.text);
    } else if (flood.allow(MonotonicClock::now())) {
      if (flood.suppressed() > 0) log::warning("Kea: {} more lines held back", flood.suppressed());
      log::write(parsed.level, "Kea: " + std::string(parsed.text));
    }
    if (parsed.message_id == "DHCP4_STARTED") {
      become(State::kRunning);
      give();
    }
  }

  void on_exit() {
    // What it said last is still in the pipe.
    while (read_output()) {
    }
    release();
    const auto code = process.wait({});
    log::error("Kea has ended by itself (exit code {})", code.value_or(-1));
    schedule_retry();
  }

  void release() {
    output_watch.reset();
    exit_watch.reset();
    answer_watch.reset();
    answer_deadline.reset();
    control.reset();
  }

  /// Hands a changed configuration to the running server ("config-set"). Its file is replaced
  /// first, so that a Kea that starts anew reads the same.
  void give() {
    if (state != State::kRunning || control || given == wanted) return;
    asked = wanted;
    if (const auto done = ask(); !done) {
      log::error("cannot tell Kea of the change: {}", done.error().text());
      control.reset();
      restart_server();
    }
  }

  Result<void> ask() {
    ANABRANCH_TRY(replace_file(config_file(view), asked));
    const auto path = view.runtime / "kea4-ctrl-socket";
    const auto address = status::unix_address(path);
    if (!address) return std::unexpected(address.error());
    // Blocking for a moment: a configuration of many uplinks is longer than the socket's buffer.
    control.reset(::socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0));
    const timeval patience{1, 0};
    ::setsockopt(control.get(), SOL_SOCKET, SO_SNDTIMEO, &patience, sizeof patience);
    if (!control || ::connect(control.get(), reinterpret_cast<const sockaddr*>(&*address),
                              sizeof *address) != 0)
      return fail_errno("cannot reach its control socket", path.string());
    const std::string command = R"({ "command": "config-set", "arguments": )" + asked + " }";
    for (std::string_view rest = command; !rest.empty();) {
      const ssize_t put = ::send(control.get(), rest.data(), rest.size(), MSG_NOSIGNAL);
      if (put < 0) return fail_errno("cannot write to its control socket", path.string());
      rest.remove_prefix(static_cast<std::size_t>(put));
    }
    answer.clear();
    answer_watch = loop.on_readable(control.get(), [this] { read_answer(); });
    answer_deadline = loop.after(kAnswerPatience, [this] {
      log::error("Kea does not answer on its control socket; starting it anew");
      restart_server();
    });
    return {};
  }

  void read_answer() {
    std::array<char, 4096> buffer;
    const ssize_t got = ::recv(control.get(), buffer.data(), buffer.size(), MSG_DONTWAIT);
    if (got < 0 && (errno == EAGAIN || errno == EINTR)) return;
    if (got > 0) {
      answer.append(buffer.data(), static_cast<std::size_t>(got));
      return;
    }
    answer_watch.reset();
    answer_deadline.reset();
    control.reset();
    const auto reply = nlohmann::json::parse(answer, nullptr, false);
    // Refused or not, this one has had its chance; only another one is tried again.
    given = asked;
    if (reply.is_object() && reply.value("result", 1) == 0)
      log::info("Kea has taken over the changed configuration");
    else
      log::error("Kea refused the changed configuration and keeps the old one: {}",
                 reply.is_object() ? reply.value("text", answer) : answer);
    give();
  }

  void restart_server() {
    release();
    process.stop();
    start();
  }

  Loop& loop;
  std::function<void()> changed;
  KeaView view = our_view();
  State state = State::kStopped;
  kernel::Process process;
  UniqueFd output;
  std::string line;
  log::RateLimit flood{seconds(5)};
  MonotonicTime started_at{};
  unsigned long starts = 0;
  seconds pause = kFirstPause;
  std::string wanted;  ///< what should hold
  std::string asked;   ///< what the running command is about
  std::string given;   ///< what the server has had
  UniqueFd control;
  std::string answer;
  // Last, so that callbacks end before what they use.
  Loop::Handle output_watch;
  Loop::Handle exit_watch;
  Loop::Handle answer_watch;
  Loop::Handle answer_deadline;
  Loop::Handle retry;
};

Kea::Kea(Loop& loop, std::function<void()> changed)
    : impl_(std::make_unique<Impl>(loop, std::move(changed))) {}

Kea::~Kea() {
  stop();
}

Result<void> Kea::installed() {
  const std::string path = search_path();
  std::string_view rest = path;
  while (!rest.empty()) {
    const auto folder = rest.substr(0, rest.find(':'));
    rest.remove_prefix(std::min(rest.size(), folder.size() + 1));
    if (::access((std::filesystem::path(folder) / kProgram).c_str(), X_OK) == 0) return {};
  }
  return fail("there is no kea-dhcp4 on this machine", {},
              "install the package kea-dhcp4-server, or write mode = \"external\" under [dhcp] and "
              "feed another "
              "server with `anabranch gateway kea-config`",
              ExitCode::kNotPermitted);
}

void Kea::want(std::string config) {
  impl_->wanted = std::move(config);
  if (impl_->state == State::kStopped)
    impl_->start();
  else
    impl_->give();
}

void Kea::restart() {
  if (impl_->state == State::kRunning || impl_->state == State::kStarting) impl_->restart_server();
}

void Kea::stop() {
  impl_->release();
  impl_->retry.reset();
  impl_->process.stop();
  impl_->state = State::kStopped;
}

Kea::State Kea::state() const {
  return impl_->state;
}

unsigned long Kea::restarts() const {
  return impl_->starts == 0 ? 0 : impl_->starts - 1;
}

int Kea::pid() const {
  return impl_->process ? impl_->process.pid() : 0;
}

}  // namespace anabranch::gateway
