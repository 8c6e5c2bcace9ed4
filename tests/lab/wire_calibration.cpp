// SPDX-License-Identifier: MIT
// Holds the link emulator to its promises with a stopwatch: three network namespaces, a - wire - b,
// UDP through run_wire, and a table of what was asked and what was measured. Not a unit test: it
// needs namespaces (its own user namespace when not root) and a machine with some time to spare.
//
// Every timing check may take three tries and counts with the best: on a shared machine a
// measurement can only be disturbed towards worse.
#include <algorithm>
#include <array>
#include <atomic>
#include <cmath>
#include <csignal>
#include <cstdio>
#include <cstdlib>
#include <functional>
#include <string>
#include <thread>
#include <vector>

#include <fmt/core.h>
#include <linux/if_packet.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/wait.h>

#include "calibration_bench.hpp"
#include "kernel/interface_state.hpp"
#include "kernel/packet_socket.hpp"
#include "lab/wire.hpp"

namespace {

using namespace anabranch;
using namespace anabranch::lab;
using namespace anabranch::lab::calibration;

constexpr int kTries = 3;

struct Bench {
  MeasuringNode a{.space = {},
                  .interface = "cal-a",
                  .address = "10.99.0.1",
                  .mac = "02:00:00:00:00:0a",
                  .sender = {},
                  .receiver = {}};
  MeasuringNode b{.space = {},
                  .interface = "cal-b",
                  .address = "10.99.0.2",
                  .mac = "02:00:00:00:00:0b",
                  .sender = {},
                  .receiver = {}};
  pid_t wire = 0;
  UniqueFd control_fd;
  WireControl control{-1};
  bool all_good = true;

  void profile(const LinkProfile& wanted) {
    must(control.set("cal", wanted), "set the profile");
    // What the last check left in the queue is not part of the next.
    must(control.drop("cal"), "drop");
    must(control.up("cal"), "up");
  }

  void report(const std::string& check, const std::string& measured, bool good) {
    fmt::print("{:<54} {:<56} {}\n", check, measured, good ? "ok" : "off");
    std::fflush(stdout);
    all_good = all_good && good;
  }
};

struct Attempt {
  std::string measured;
  double error = INFINITY;  ///< as a part of what is allowed: good up to 1
};

void best_of_tries(Bench& bench, const std::string& check,
                   const std::function<Attempt()>& measure) {
  Attempt best;
  int tries = 0;
  while (tries < kTries && !(best.error <= 1)) {
    ++tries;
    auto attempt = measure();
    if (tries == 1 || attempt.error < best.error) best = std::move(attempt);
  }
  if (tries > 1) best.measured += fmt::format(" ({} tries)", tries);
  bench.report(check, best.measured, best.error <= 1);
}

void check_rate(Bench& bench, double mbit) {
  best_of_tries(bench, fmt::format("rate {} Mbit/s both ways at once, within 2 %", mbit), [&] {
    bench.profile({.rate = BitRate::mbit(mbit), .queue = milliseconds(20)});
    const Offered offered{.packets_per_second = 1.2 * mbit * 1e6 / 8 / (kFullPayload + kHeaders),
                          .time = milliseconds(mbit < 2 ? 2500 : 1200)};
    const auto before = cpu_time_of(bench.wire);
    const auto start = MonotonicClock::now();
    Run back;
    std::thread other([&] { back = transfer(bench.b, bench.a, offered, milliseconds(60)); });
    const auto there = transfer(bench.a, bench.b, offered, milliseconds(60));
    other.join();
    const double cpu = std::chrono::duration<double>(cpu_time_of(bench.wire) - before).count() /
                       std::chrono::duration<double>(MonotonicClock::now() - start).count() * 100;
    const double forward = rate_mbit(there, kFullPayload);
    const double reverse = rate_mbit(back, kFullPayload);
    const double worst = std::max(std::abs(forward / mbit - 1), std::abs(reverse / mbit - 1));
    const auto counters = bench.control.counters("cal");
    const auto lost =
        counters ? counters->a_to_b.dropped_relay + counters->b_to_a.dropped_relay : 0;
    return Attempt{fmt::format("{:.3f} / {:.3f} Mbit/s, wire CPU {:.0f} %{}", forward, reverse, cpu,
                               lost > 0 ? fmt::format(", {} overrun", lost) : ""),
                   worst / 0.02};
  });
}

void check_delay(Bench& bench, int delay_ms) {
  best_of_tries(bench, fmt::format("delay {} ms, p99 within 1 ms", delay_ms), [&] {
    bench.profile({.rate = {}, .delay = milliseconds(delay_ms)});
    const auto delays = delays_ms(transfer(
        bench.a, bench.b, {.payload = 100, .packets_per_second = 400, .time = milliseconds(1000)},
        milliseconds(delay_ms + 20)));
    const double p50 = quantile(delays, 0.5) - delay_ms;
    const double p99 = quantile(delays, 0.99) - delay_ms;
    const double least = quantile(delays, 0) - delay_ms;
    return Attempt{fmt::format("error min {:+.3f}  p50 {:+.3f}  p99 {:+.3f} ms", least, p50, p99),
                   delays.size() < 200 || least < 0 ? INFINITY : p99};
  });
}

void check_loss(Bench& bench, double loss) {
  bench.profile({.rate = BitRate::mbit(200), .loss = loss, .queue = milliseconds(200)});
  const auto before = bench.control.counters("cal");
  const auto run =
      transfer(bench.a, bench.b, {.payload = 100, .packets_per_second = 20000, .time = seconds(1)},
               milliseconds(50));
  const auto after = bench.control.counters("cal");
  must(before && after, "counters");
  const double sent = static_cast<double>(run.sent);
  const double measured = 1 - static_cast<double>(run.arrivals.size()) / sent;
  const double sigma = std::sqrt(loss * (1 - loss) / sent);
  const auto counted = after->a_to_b.dropped_loss - before->a_to_b.dropped_loss;
  bench.report(fmt::format("loss {} %, within 4 sigma", loss * 100),
               fmt::format("{:.3f} % of {} ({:+.1f} sigma), counted {}", measured * 100, run.sent,
                           (measured - loss) / sigma, counted),
               std::abs(measured - loss) <= 4 * sigma);
}

void check_queue(Bench& bench, double mbit, int queue_ms) {
  best_of_tries(
      bench, fmt::format("queue {} ms at {} Mbit/s, most delay within 5 %", queue_ms, mbit), [&] {
        constexpr double kDelay = 10;
        bench.profile({.rate = BitRate::mbit(mbit),
                       .delay = milliseconds(10),
                       .queue = milliseconds(queue_ms)});
        const auto delays = delays_ms(
            transfer(bench.a, bench.b,
                     {.packets_per_second = 2 * mbit * 1e6 / 8 / (kFullPayload + kHeaders),
                      .time = milliseconds(300 + 3 * queue_ms)},
                     milliseconds(queue_ms + 30)));
        const double most = quantile(delays, 1) - kDelay;
        return Attempt{fmt::format("{:.2f} ms", most), std::abs(most / queue_ms - 1) / 0.05};
      });
}

void check_jitter(Bench& bench) {
  best_of_tries(bench, "jitter 20 ms on 30 ms, spread, order kept", [&] {
    bench.profile({.rate = {}, .delay = milliseconds(30), .jitter = milliseconds(20)});
    // Spaced wider than the jitter, so that keeping the order does not bend the distribution.
    const auto run = transfer(
        bench.a, bench.b, {.payload = 100, .packets_per_second = 45, .time = milliseconds(1500)},
        milliseconds(80));
    const auto delays = delays_ms(run);
    const bool ordered = std::is_sorted(run.arrivals.begin(), run.arrivals.end(),
                                        [](auto& x, auto& y) { return x.sent < y.sent; });
    const double least = quantile(delays, 0), middle = quantile(delays, 0.5),
                 most = quantile(delays, 1);
    const bool good = ordered && least >= 30 && least < 35 && middle > 34 && middle < 46 &&
                      most > 45 && most < 51;
    return Attempt{fmt::format("min {:.1f}  p50 {:.1f}  max {:.1f} ms", least, middle, most),
                   good ? 0 : INFINITY};
  });
}

void check_rate_change(Bench& bench) {
  best_of_tries(bench, "20 -> 5 Mbit/s under load, each within 2 %", [&] {
    bench.profile({.rate = BitRate::mbit(20), .queue = milliseconds(30)});
    Run run;
    std::thread traffic([&] {
      run = transfer(
          bench.a, bench.b,
          {.packets_per_second = 24e6 / 8 / (kFullPayload + kHeaders), .time = milliseconds(1200)},
          milliseconds(60));
    });
    std::this_thread::sleep_for(milliseconds(600));
    must(bench.control.set("cal", {.rate = BitRate::mbit(5), .queue = milliseconds(30)}), "set");
    const auto changed = MonotonicClock::now();
    traffic.join();
    Run before, after;
    for (const auto& arrival : run.arrivals) {
      if (arrival.arrived < changed - milliseconds(5)) before.arrivals.push_back(arrival);
      if (arrival.arrived > changed + milliseconds(5)) after.arrivals.push_back(arrival);
    }
    const double fast = rate_mbit(before, kFullPayload), slow = rate_mbit(after, kFullPayload);
    return Attempt{fmt::format("{:.3f}, then {:.3f} Mbit/s", fast, slow),
                   std::max(std::abs(fast / 20 - 1), std::abs(slow / 5 - 1)) / 0.02};
  });
}

/// A frame of `octets` from a to b, EtherType 0x88b5 (local experiments), with a VLAN tag or
/// without.
std::vector<std::byte> test_frame(std::size_t octets, bool tagged) {
  std::vector<std::byte> frame(octets);
  for (std::size_t i = 14; i < octets; ++i) frame[i] = static_cast<std::byte>(i * 7);
  frame[0] = frame[6] = std::byte{0x02};
  frame[5] = std::byte{0x0b};
  frame[11] = std::byte{0x0a};
  std::size_t type = 12;
  if (tagged) {
    frame[12] = std::byte{0x81};
    frame[13] = std::byte{0x00};
    frame[14] = std::byte{0x60};  // priority 3, VLAN 42
    frame[15] = std::byte{42};
    type = 16;
  }
  frame[type] = std::byte{0x88};
  frame[type + 1] = std::byte{0xb5};
  return frame;
}

void check_frames(Bench& bench) {
  bench.profile({});
  const std::array only_ours = {sock_filter BPF_STMT(BPF_LD | BPF_H | BPF_ABS, 12),
                                sock_filter BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, 0x88b5, 0, 1),
                                sock_filter BPF_STMT(BPF_RET | BPF_K, 0xffffffff),
                                sock_filter BPF_STMT(BPF_RET | BPF_K, 0)};
  const auto open = [&](const MeasuringNode& node) {
    enter(node.space);
    auto socket = kernel::PacketSocket::open(node.interface, {.filter = only_ours});
    if (!socket) must(std::unexpected(socket.error()), "packet socket");
    return std::move(*socket);
  };
  auto from = open(bench.a);
  auto to = open(bench.b);
  std::string sizes;
  bool good = true;
  auto foreign = test_frame(60, false);
  foreign[13] = std::byte{0xb6};
  must(from.send(foreign), "send a frame that the filter keeps out");
  for (const auto& frame : {test_frame(60, false), test_frame(1514, false), test_frame(64, true),
                            test_frame(1518, true)}) {
    must(from.send(frame), "send a frame");
    std::array<std::byte, 2048> buffer{};
    bool same = false;
    for (int i = 0; i < 100 && !same; ++i) {
      std::this_thread::sleep_for(milliseconds(1));
      const auto got = to.receive(buffer);
      must(got ? Result<void>{} : std::unexpected(got.error()), "receive a frame");
      if (!*got) continue;
      same = std::ranges::equal(**got, frame);
      break;
    }
    sizes += fmt::format("{} {}  ", frame.size(), same ? "same" : "DIFFERS");
    good = good && same;
  }
  bench.report("frames arrive octet by octet, tagged ones, filtered", sizes, good);
}

/// A node that takes its own interface down must cost the wire frames, not time.
void check_peer_down(Bench& bench) {
  bench.profile({});
  enter(bench.b.space);
  must(kernel::set_interface_up(bench.b.interface, false), "down");
  const auto cpu = cpu_time_of(bench.wire);
  (void)transfer(bench.a, bench.b,
                 {.payload = 100, .packets_per_second = 2000, .time = milliseconds(300)},
                 milliseconds(50));
  const double used =
      std::chrono::duration<double, std::milli>(cpu_time_of(bench.wire) - cpu).count();
  must(kernel::set_interface_up(bench.b.interface, true), "up");
  connect_to(bench.a, bench.b);
  connect_to(bench.b, bench.a);
  const auto run = transfer(bench.b, bench.a,
                            {.payload = 100, .packets_per_second = 500, .time = milliseconds(200)},
                            milliseconds(50));
  bench.report("a node's interface down for a while",
               fmt::format("{:.0f} ms CPU meanwhile, then {} of {} packets arrive", used,
                           run.arrivals.size(), run.sent),
               used < 100 && run.arrivals.size() == run.sent);
}

void check_idle(Bench& bench, const std::string& when) {
  const auto cpu = cpu_time_of(bench.wire);
  std::this_thread::sleep_for(milliseconds(300));
  const double used =
      std::chrono::duration<double, std::milli>(cpu_time_of(bench.wire) - cpu).count();
  bench.report("no traffic, " + when, fmt::format("{:.2f} ms CPU in 300 ms", used), used < 3);
}

std::size_t arrive_within(Bench& bench, nanoseconds time) {
  return transfer(bench.a, bench.b, {.payload = 100, .packets_per_second = 500, .time = time},
                  milliseconds(60))
      .arrivals.size();
}

void check_states(Bench& bench) {
  bench.profile({.rate = BitRate::mbit(1), .delay = milliseconds(30)});
  const auto state = [&](const std::string& check, bool carrier_wanted, bool traffic_wanted) {
    const bool on_a = carrier(bench.a), on_b = carrier(bench.b);
    const auto count = arrive_within(bench, milliseconds(200));
    bench.report(check, fmt::format("carrier {} / {}, {} packets arrive", on_a, on_b, count),
                 on_a == carrier_wanted && on_b == carrier_wanted &&
                     (count > 50) == traffic_wanted && (traffic_wanted || count == 0));
  };
  state("up", true, true);
  {
    // Loads the queue, then drops: what was queued must not come out.
    std::atomic<bool> done = false;
    (void)send_evenly(
        bench.a, {.payload = kFullPayload, .packets_per_second = 4000, .time = milliseconds(5)});
    must(bench.control.drop("cal"), "drop");
    std::vector<Arrival> arrivals;
    std::thread receiver([&] { arrivals = receive_all(bench.b, done); });
    std::this_thread::sleep_for(milliseconds(100));
    done = true;
    receiver.join();
    bench.report("drop empties the queue", fmt::format("{} packets arrive", arrivals.size()),
                 arrivals.empty());
  }
  state("drop: silent, carrier stays", true, false);
  must(bench.control.up("cal"), "up");
  state("up again", true, true);
  must(bench.control.cut("cal"), "cut");
  state("cut: no carrier", false, false);
  check_idle(bench, "cut");
  must(bench.control.up("cal"), "up");
  state("up again after a cut", true, true);
}

}  // namespace

int main() {
  const auto start = MonotonicClock::now();
  if (::geteuid() != 0) become_root_of_a_user_namespace();
  Bench bench;
  const auto wire_space = new_namespace();
  prepare(bench.a, wire_space, "wire-a");
  prepare(bench.b, wire_space, "wire-b");
  connect_to(bench.a, bench.b);
  connect_to(bench.b, bench.a);
  enter(wire_space);

  int pair[2];
  must(::socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, pair) == 0, "socketpair");
  bench.control_fd.reset(pair[0]);
  bench.control = WireControl(pair[0]);
  std::fflush(stdout);
  bench.wire = ::fork();
  must(bench.wire >= 0, "fork");
  if (bench.wire == 0) {
    ::prctl(PR_SET_PDEATHSIG, SIGKILL);
    ::close(pair[0]);
    const auto result =
        run_wire({{.name = "cal", .interface_a = "wire-a", .interface_b = "wire-b", .profile = {}}},
                 pair[1]);
    if (!result) fmt::print(stderr, "wire: {}\n", result.error().text());
    std::_Exit(result ? 0 : 1);
  }
  ::close(pair[1]);
  ::prctl(PR_SET_TIMERSLACK, 1UL);
  must(bench.control.up("cal"), "start of the wire");  // answered once it carries

  fmt::print("timing checks: best of up to {} tries\n", kTries);
  for (const double mbit : {1, 5, 20, 100, 500}) check_rate(bench, mbit);
  for (const int delay : {0, 10, 25, 150}) check_delay(bench, delay);
  for (const double loss : {0.01, 0.03, 0.2}) check_loss(bench, loss);
  check_queue(bench, 20, 50);
  check_queue(bench, 100, 20);
  check_jitter(bench);
  check_rate_change(bench);
  check_states(bench);
  check_idle(bench, "up");
  check_frames(bench);
  check_peer_down(bench);

  bench.control_fd.reset();
  int status = 0;
  ::waitpid(bench.wire, &status, 0);
  bench.report("the wire ends with its control socket", fmt::format("status {}", status),
               status == 0);
  fmt::print("{} in {:.1f} s\n", bench.all_good ? "all within bounds" : "OUT OF BOUNDS",
             std::chrono::duration<double>(MonotonicClock::now() - start).count());
  return bench.all_good ? 0 : 1;
}
