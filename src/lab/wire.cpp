// SPDX-License-Identifier: MIT
// One thread carries all links. A round reads what has arrived, sends what is due and sleeps until
// the next frame is due or the next arrives.
//
// At 500 Mbit/s a full frame passes every 24 us, and a round for each would be a core spent on
// system calls. Under load rounds are therefore kept kPause apart, so that each moves a batch. That
// costs no accuracy on the way in, where the kernel stamps the arrival, and at most kPause on the
// way out. A sparse flow never meets the pause: its rounds are further apart by themselves.
#include "lab/wire.hpp"

#include <cerrno>
#include <memory>
#include <utility>

#include <fcntl.h>
#include <poll.h>
#include <sched.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <time.h>

#include "kernel/interface_state.hpp"
#include "kernel/offloads.hpp"
#include "lab/link_direction.hpp"
#include "lab/wire_protocol.hpp"

namespace anabranch::lab {
namespace {

constexpr nanoseconds kPause = std::chrono::microseconds(150);
/// 32 MB hold some 200 ms of 500 Mbit/s; without privilege the system's limit is the bound.
constexpr std::size_t kSocketBuffer = 32U << 20U;
constexpr std::size_t kLongestCommand = 65536;

/// The same for the same name in every run, so that a scenario repeats its losses.
std::uint64_t seed_of(const std::string& name, std::uint64_t direction) {
  std::uint64_t hash = 0xcbf29ce484222325 + direction;  // FNV-1a
  for (const unsigned char octet : name) hash = (hash ^ octet) * 0x100000001b3;
  return hash;
}

class CarriedLink {
 public:
  CarriedLink(const WireLink& link, kernel::PacketSocket a, kernel::PacketSocket b, FramePool& pool)
      : name_(link.name),
        a_(std::move(a)),
        b_(std::move(b)),
        profile_(link.profile),
        a_to_b_(a_, b_, pool, link.profile, seed_of(link.name, 0)),
        b_to_a_(b_, a_, pool, link.profile, seed_of(link.name, 1)) {}

  const std::string& name() const { return name_; }
  int fd_a() const { return a_.fd(); }
  int fd_b() const { return b_.fd(); }

  std::size_t receive(bool from_a, bool from_b) {
    return (from_a ? a_to_b_.receive() : 0) + (from_b ? b_to_a_.receive() : 0);
  }
  std::size_t send(MonotonicTime now) { return a_to_b_.send(now) + b_to_a_.send(now); }
  std::optional<MonotonicTime> next_send() const {
    const auto there = a_to_b_.next_send();
    const auto back = b_to_a_.next_send();
    return there && back ? std::min(*there, *back) : there ? there : back;
  }

  Result<WireAnswer> obey(const WireCommand& command);

 private:
  enum class State { kUp, kDrop, kCut };
  Result<void> enter(State state);

  std::string name_;
  kernel::PacketSocket a_;
  kernel::PacketSocket b_;
  LinkProfile profile_;
  State state_ = State::kUp;
  LinkDirection a_to_b_;
  LinkDirection b_to_a_;
};

Result<void> CarriedLink::enter(State state) {
  if (state == state_) return {};
  // An interface that is set up is heard from that moment on, so the directions open after it and
  // close before it goes down.
  const bool plugged = state != State::kCut;
  const auto plug = [&]() -> Result<void> {
    if (plugged == (state_ != State::kCut)) return {};
    ANABRANCH_TRY(kernel::set_interface_up(a_.interface(), plugged));
    return kernel::set_interface_up(b_.interface(), plugged);
  };
  const auto set_directions = [&] {
    a_to_b_.set_up(MonotonicClock::now(), state == State::kUp);
    b_to_a_.set_up(MonotonicClock::now(), state == State::kUp);
  };
  if (plugged) ANABRANCH_TRY(plug());
  receive(true, true);
  set_directions();
  if (!plugged) ANABRANCH_TRY(plug());
  state_ = state;
  return {};
}

Result<WireAnswer> CarriedLink::obey(const WireCommand& command) {
  WireAnswer answer{.id = command.id, .error = {}, .counters = {}};
  switch (command.kind) {
    case WireCommand::Kind::kSet:
      receive(true, true);
      profile_ = command.change.applied_to(profile_);
      a_to_b_.set_profile(MonotonicClock::now(), profile_);
      b_to_a_.set_profile(MonotonicClock::now(), profile_);
      return answer;
    case WireCommand::Kind::kUp:
      ANABRANCH_TRY(enter(State::kUp));
      return answer;
    case WireCommand::Kind::kDrop:
      ANABRANCH_TRY(enter(State::kDrop));
      return answer;
    case WireCommand::Kind::kCut:
      ANABRANCH_TRY(enter(State::kCut));
      return answer;
    case WireCommand::Kind::kCounters:
      answer.counters = {a_to_b_.counters(), b_to_a_.counters()};
      return answer;
  }
  std::unreachable();
}

class Wire {
 public:
  explicit Wire(int control_fd) : control_fd_(control_fd) {}

  Result<void> add(const WireLink& link);
  Result<void> run();

 private:
  void answer(std::string_view line);
  Result<bool> read_control();
  void wait();

  int control_fd_;
  std::string control_text_;
  FramePool pool_;
  std::vector<std::unique_ptr<CarriedLink>> links_;
  std::vector<pollfd> polled_;  ///< the control socket, then both ends of each link
};

Result<kernel::PacketSocket> open_end(const std::string& interface) {
  ANABRANCH_TRY(kernel::silence_ipv6(interface));
  ANABRANCH_TRY(kernel::turn_offloads_off(interface));
  ANABRANCH_TRY(kernel::set_interface_up(interface, true));
  return kernel::PacketSocket::open(
      interface,
      {.receive_buffer = kSocketBuffer, .send_buffer = kSocketBuffer, .arrival_times = true});
}

Result<void> Wire::add(const WireLink& link) {
  auto a = open_end(link.interface_a);
  if (!a) return std::unexpected(a.error());
  auto b = open_end(link.interface_b);
  if (!b) return std::unexpected(b.error());
  links_.push_back(std::make_unique<CarriedLink>(link, std::move(*a), std::move(*b), pool_));
  return {};
}

void Wire::answer(std::string_view line) {
  WireAnswer answer;
  const auto command = parse_wire_command(line);
  if (!command) {
    answer.error = command.error().what;
  } else {
    answer = {.id = command->id, .error = "no such link", .counters = {}};
    for (const auto& link : links_) {
      if (link->name() != command->link) continue;
      auto outcome = link->obey(*command);
      if (outcome)
        answer = *outcome;
      else
        answer.error = outcome.error().text();
    }
  }
  // A reader that lets its answers pile up until the socket is full loses them: frames do not wait.
  const auto text = format_wire_answer(answer) + "\n";
  (void)::send(control_fd_, text.data(), text.size(), MSG_NOSIGNAL | MSG_DONTWAIT);
}

/// False once the other side has closed.
Result<bool> Wire::read_control() {
  char block[4096];
  const auto count = ::recv(control_fd_, block, sizeof block, MSG_DONTWAIT);
  if (count == 0 || (count < 0 && errno == ECONNRESET)) return false;
  if (count < 0 && (errno == EAGAIN || errno == EINTR)) return true;
  if (count < 0) return fail_errno("cannot read the control socket", "wire");
  control_text_.append(block, static_cast<std::size_t>(count));
  for (auto end = control_text_.find('\n'); end != std::string::npos;
       end = control_text_.find('\n')) {
    answer(std::string_view(control_text_).substr(0, end));
    control_text_.erase(0, end + 1);
  }
  if (control_text_.size() > kLongestCommand) return fail("a command never ends", "wire");
  return true;
}

/// Until a frame or a command arrives or a frame is due.
void Wire::wait() {
  std::optional<MonotonicTime> next;
  for (const auto& link : links_)
    if (const auto due = link->next_send(); due && (!next || *due < *next)) next = due;
  timespec timeout{};
  if (next) {
    const nanoseconds left = std::max(nanoseconds{}, *next - MonotonicClock::now());
    timeout.tv_sec = std::chrono::floor<seconds>(left).count();
    timeout.tv_nsec = (left % seconds(1)).count();
  }
  // An error leaves no result to look at; the next round tries again.
  if (::ppoll(polled_.data(), polled_.size(), next ? &timeout : nullptr, nullptr) < 0)
    for (auto& entry : polled_) entry.revents = 0;
}

Result<void> Wire::run() {
  polled_.push_back({control_fd_, POLLIN, 0});
  for (const auto& link : links_) {
    polled_.push_back({link->fd_a(), POLLIN, 0});
    polled_.push_back({link->fd_b(), POLLIN, 0});
  }
  MonotonicTime previous;
  while (true) {
    wait();
    const auto start = MonotonicClock::now();
    if (polled_[0].revents != 0) {
      const auto open = read_control();
      if (!open) return std::unexpected(open.error());
      if (!*open) return {};
    }
    std::size_t moved = 0;
    for (std::size_t i = 0; i < links_.size(); ++i)
      moved += links_[i]->receive(polled_[1 + 2 * i].revents != 0, polled_[2 + 2 * i].revents != 0);
    const auto now = MonotonicClock::now();
    for (const auto& link : links_) moved += link->send(now);

    const bool busy = moved > 0 && start - previous < 2 * kPause;
    previous = start;
    if (!busy) continue;
    const auto until = (start + kPause).time_since_epoch();
    const timespec wake{std::chrono::floor<seconds>(until).count(), (until % seconds(1)).count()};
    ::clock_nanosleep(CLOCK_MONOTONIC, TIMER_ABSTIME, &wake, nullptr);
  }
}

/// Exact wake-ups, and before others if the system lets us; without that the wire still works, only
/// a loaded machine makes it late.
void prefer_this_process() {
  ::prctl(PR_SET_TIMERSLACK, 1UL);
  const sched_param lowest{.sched_priority = 1};
  if (::sched_setscheduler(0, SCHED_RR | SCHED_RESET_ON_FORK, &lowest) != 0)
    ::setpriority(PRIO_PROCESS, 0, -10);
}

}  // namespace

Result<void> run_wire(const std::vector<WireLink>& links, int control_fd) {
  Wire wire(control_fd);
  for (const auto& link : links) ANABRANCH_TRY(wire.add(link));
  prefer_this_process();
  return wire.run();
}

}  // namespace anabranch::lab
