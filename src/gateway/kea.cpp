// SPDX-License-Identifier: MIT
#include "gateway/kea.hpp"

#include <algorithm>
#include <array>
#include <cerrno>
#include <cstdlib>
#include <filesystem>
#include <system_error>

#include <fcntl.h>
#include <fmt/format.h>
#include <linux/capability.h>
#include <nlohmann/json.hpp>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/directories.hpp"
#include "base/fd.hpp"
#include "base/units.hpp"
#include "gateway/kea_view.hpp"
#include "kernel/process.hpp"

namespace anabranch::gateway {
namespace {

/// What differs between the two servers.
struct Server {
  std::string_view name;  ///< in our log
  std::string_view program;
  std::string_view control_socket;
  std::string_view started;  ///< what it says when it answers clients
  // A warning about what is as it should be: it runs on one thread.
  std::string_view one_thread;
  std::string_view section;  ///< of our configuration file that turns it on
};
constexpr Server kServer4{
    "Kea",   "kea-dhcp4", "kea4-ctrl-socket", "DHCP4_STARTED", "DHCP4_MULTI_THREADING_INFO",
    "[dhcp]"};
constexpr Server kServer6{"Kea for DHCPv6",
                          "kea-dhcp6",
                          "kea6-ctrl-socket",
                          "DHCP6_STARTED",
                          "DHCP6_MULTI_THREADING_INFO",
                          "[dhcp6]"};

const Server& server_of(Family family) {
  return family == Family::kIpv4 ? kServer4 : kServer6;
}

constexpr seconds kFirstPause{1};
constexpr seconds kLongestPause{60};
constexpr std::size_t kLongestLine = 4096;

/// Ordinary users' PATH often lacks the sbin folders.
std::string search_path() {
  const char* path = std::getenv("PATH");
  return std::string(path == nullptr ? "/usr/bin:/bin" : path) + ":/usr/sbin:/sbin";
}

KeaView our_view() {
  const auto base = runtime_directory() / "kea";
  return {base / "etc", base / "run", state_directory() / "kea"};
}

std::string config_name(const Server& server) {
  return std::string(server.program) + ".conf";
}

/// The lease database's password is in the configuration: these directories are nobody else's.
Result<void> make_private_directory(const std::filesystem::path& path) {
  ANABRANCH_TRY(make_directory(path));
  if (::chmod(path.c_str(), 0700) != 0)
    return fail_errno("cannot close the directory to others", path.string());
  return {};
}

}  // namespace

std::filesystem::path kea_lease_file(Family family) {
  return our_view().leases / (family == Family::kIpv4 ? "kea-leases4.csv" : "kea-leases6.csv");
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
  Impl(Loop& l, const Server& which, std::function<void()> c, std::function<void(const KeaLine&)> s)
      : loop(l), server(which), changed(std::move(c)), said(std::move(s)) {}

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
    const std::string program(server.program);
    std::filesystem::remove(view.runtime / (program + "." + program + ".pid"), ignored);
    return replace_file(view.configuration / config_name(server), wanted);
  }

  Result<void> launch() {
    ANABRANCH_TRY(prepare_files());
    auto pipe = kernel::make_pipe();
    if (!pipe) return std::unexpected(pipe.error());
    kernel::SpawnOptions options;
    options.argv = {std::string(server.program), "-c", "/etc/kea/" + config_name(server)};
    options.environment = {{"PATH", search_path()},
                           {"KEA_PIDFILE_DIR", "/run/kea"},
                           {"KEA_LOCKFILE_DIR", "none"},
                           {"KEA_LOGGER_DESTINATION", "stdout"}};
    options.standard_output = pipe->write.get();
    options.standard_error = pipe->write.get();
    options.prepare = [this] {
      // It has no business with rules and routes; fails where we hold nothing to hand down.
      ::prctl(PR_CAP_AMBIENT, PR_CAP_AMBIENT_LOWER, CAP_NET_ADMIN, 0, 0);
      return enter_kea_view(view);
    };
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
      log::error("cannot start {}: {}", server.name, done.error().text());
      return schedule_retry();
    }
    become(State::kStarting);
  }

  void schedule_retry() {
    if (MonotonicClock::now() - started_at > kLongestPause) pause = kFirstPause;
    log::info("trying to start {} again in {}", server.name, duration_text(pause));
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
    said(parsed);
    // Who gets no address is told of by those who watch the pools.
    const bool expected = parsed.message_id == server.one_thread || tells_of_no_address(parsed);
    if (parsed.level == log::Level::kDebug || expected) {
      log::debug("{}: {}", server.name, parsed.text);
    } else if (flood.allow(MonotonicClock::now())) {
      if (flood.suppressed() > 0)
        log::warning("{}: {} more lines held back", server.name, flood.suppressed());
      log::write(parsed.level, fmt::format("{}: {}", server.name, parsed.text));
    }
    if (parsed.message_id == server.started) {
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
    log::error("{} has ended by itself (exit code {})", server.name, code.value_or(-1));
    schedule_retry();
  }

  void release() {
    output_watch.reset();
    exit_watch.reset();
    control.drop();
    giving = false;
  }

  /// Hands a changed configuration to the running server ("config-set"). Its file is replaced
  /// first, so that a Kea that starts anew reads the same.
  void give() {
    if (state != State::kRunning || giving || given == wanted) return;
    giving = true;
    if (const auto done = replace_file(view.configuration / config_name(server), wanted); !done)
      log::error("{}", done.error().text());
    control.ask("config-set", wanted, [this, asked = wanted](const nlohmann::json* reply) {
      giving = false;
      if (reply == nullptr) {
        log::error("{} does not answer on its control socket; starting it anew", server.name);
        return restart_server();
      }
      // Refused or not, this one has had its chance; only another one is tried again.
      given = asked;
      if (reply->value("result", 1) == 0)
        log::info("{} has taken over the changed configuration", server.name);
      else
        log::error("{} refused the changed configuration and keeps the old one: {}", server.name,
                   reply->value("text", reply->dump()));
      give();
    });
  }

  void restart_server() {
    release();
    process.stop();
    start();
  }

  Loop& loop;
  const Server& server;
  std::function<void()> changed;
  std::function<void(const KeaLine&)> said;
  KeaView view = our_view();
  KeaControl control{loop, view.runtime / server.control_socket};
  State state = State::kStopped;
  kernel::Process process;
  UniqueFd output;
  std::string line;
  log::RateLimit flood{seconds(5)};
  MonotonicTime started_at{};
  unsigned long starts = 0;
  seconds pause = kFirstPause;
  std::string wanted;  ///< what should hold
  std::string given;   ///< what the server has had
  bool giving = false;
  // Last, so that callbacks end before what they use.
  Loop::Handle output_watch;
  Loop::Handle exit_watch;
  Loop::Handle retry;
};

Kea::Kea(Loop& loop, Family family, std::function<void()> changed,
         std::function<void(const KeaLine&)> said)
    : impl_(std::make_unique<Impl>(loop, server_of(family), std::move(changed), std::move(said))) {}

Kea::~Kea() {
  stop();
}

Result<void> Kea::installed(Family family) {
  const Server& server = server_of(family);
  const std::string path = search_path();
  std::string_view rest = path;
  while (!rest.empty()) {
    const auto folder = rest.substr(0, rest.find(':'));
    rest.remove_prefix(std::min(rest.size(), folder.size() + 1));
    if (::access((std::filesystem::path(folder) / server.program).c_str(), X_OK) == 0) return {};
  }
  return fail(fmt::format("there is no {} on this machine", server.program), {},
              fmt::format("install the package {}-server, or write mode = \"external\" under {} "
                          "and feed another server with `anabranch gateway kea-config`",
                          server.program, server.section),
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

void Kea::ask(std::string_view command, std::string_view arguments, KeaControl::Answer answer) {
  if (impl_->state != State::kRunning) return answer(nullptr);
  impl_->control.ask(command, arguments, std::move(answer));
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
