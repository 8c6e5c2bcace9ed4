// SPDX-License-Identifier: MIT
// Holds the link emulator to its promises with a stopwatch: three network namespaces, a - wire - b,
// UDP through run_wire, and a table of what was asked and what was measured. Not a unit test: it
// needs namespaces (its own user namespace when not root) and a machine with some time to spare.
//
// Every timing check may take three tries and counts with the best: on a shared machine a
// measurement can only be disturbed towards worse.
#include <algorithm>
#include <atomic>
#include <cmath>
#include <csignal>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <fstream>
#include <functional>
#include <string>
#include <thread>
#include <vector>

#include <arpa/inet.h>
#include <fcntl.h>
#include <fmt/core.h>
#include <linux/ethtool.h>
#include <linux/sockios.h>
#include <net/if.h>
#include <sched.h>
#include <sys/ioctl.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <time.h>

#include "base/fd.hpp"
#include "kernel/offloads.hpp"
#include "lab/wire.hpp"

namespace {

using namespace anabranch;
using namespace anabranch::lab;
using std::chrono::microseconds;

constexpr int kTries = 3;
constexpr std::size_t kFullPayload = 1472;
constexpr std::size_t kHeaders = 42;  // Ethernet, IPv4, UDP

[[noreturn]] void give_up(const std::string& what) {
  fmt::print(stderr, "wire_calibration: {}: {}\n", what, std::strerror(errno));
  std::exit(2);
}

void must(bool good, const std::string& what) {
  if (!good) give_up(what);
}

void must(const Result<void>& result, const std::string& what) {
  if (result) return;
  fmt::print(stderr, "wire_calibration: {}: {}\n", what, result.error().text());
  std::exit(2);
}

void write_file(const std::string& path, const std::string& text) {
  std::ofstream(path) << text;
}

void run(const std::string& command) {
  must(std::system(command.c_str()) == 0, command);
}

// --- namespaces ---------------------------------------------------------------------------------

/// The new namespace becomes the process's own.
UniqueFd new_namespace() {
  must(::unshare(CLONE_NEWNET) == 0, "unshare network namespace");
  run("ip link set lo up");
  // Not close-on-exec: "ip" is given it as a path under /proc/self/fd.
  return UniqueFd(::open("/proc/self/ns/net", O_RDONLY));
}

void enter(const UniqueFd& space) {
  must(::setns(space.get(), CLONE_NEWNET) == 0, "enter a namespace");
}

void become_root_of_a_user_namespace() {
  const auto uid = ::getuid();
  const auto gid = ::getgid();
  must(::unshare(CLONE_NEWUSER) == 0, "unshare user namespace");
  write_file("/proc/self/setgroups", "deny");
  write_file("/proc/self/uid_map", fmt::format("0 {} 1", uid));
  write_file("/proc/self/gid_map", fmt::format("0 {} 1", gid));
}

/// One node of the pair: its namespace and a socket to send from and one to receive at.
struct Node {
  UniqueFd space;
  std::string interface;
  std::string address;
  std::string mac;
  UniqueFd sender;
  UniqueFd receiver;
};

UniqueFd udp_socket(const std::string& address, std::uint16_t port) {
  UniqueFd fd(::socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0));
  sockaddr_in name{};
  name.sin_family = AF_INET;
  name.sin_port = htons(port);
  ::inet_pton(AF_INET, address.c_str(), &name.sin_addr);
  must(::bind(fd.get(), reinterpret_cast<sockaddr*>(&name), sizeof name) == 0, "bind");
  const int buffer = 32 << 20;
  if (::setsockopt(fd.get(), SOL_SOCKET, SO_RCVBUFFORCE, &buffer, sizeof buffer) != 0)
    ::setsockopt(fd.get(), SOL_SOCKET, SO_RCVBUF, &buffer, sizeof buffer);
  const int on = 1;
  ::setsockopt(fd.get(), SOL_SOCKET, SO_TIMESTAMPNS, &on, sizeof on);
  const timeval patience{0, 20'000};
  ::setsockopt(fd.get(), SOL_SOCKET, SO_RCVTIMEO, &patience, sizeof patience);
  return fd;
}

void prepare(Node& node, const UniqueFd& wire_space, const std::string& wire_end) {
  node.space = new_namespace();
  run(fmt::format("ip link add {} address {} type veth peer name {} netns /proc/self/fd/{}",
                  node.interface, node.mac, wire_end, wire_space.get()));
  write_file("/proc/sys/net/ipv6/conf/" + node.interface + "/disable_ipv6", "1");
  must(kernel::turn_offloads_off(node.interface), "offloads");
  run(fmt::format("ip addr add {}/24 dev {} && ip link set {} up", node.address, node.interface,
                  node.interface));
  node.sender = udp_socket(node.address, 7000);
  node.receiver = udp_socket(node.address, 7001);
}

void connect_to(Node& node, const Node& peer) {
  // A known neighbour: a lost ARP request would hold packets back for a second.
  enter(node.space);
  run(fmt::format("ip neigh add {} lladdr {} nud permanent dev {}", peer.address, peer.mac,
                  node.interface));
  sockaddr_in name{};
  name.sin_family = AF_INET;
  name.sin_port = htons(7001);
  ::inet_pton(AF_INET, peer.address.c_str(), &name.sin_addr);
  must(::connect(node.sender.get(), reinterpret_cast<sockaddr*>(&name), sizeof name) == 0,
       "connect");
}

bool carrier(const Node& node) {
  // By a socket of that namespace: sysfs would show the namespace it was mounted in. The ethtool
  // link state is the carrier itself, IFF_RUNNING would lag behind.
  ethtool_value link{ETHTOOL_GLINK, 0};
  ifreq request{};
  std::strncpy(request.ifr_name, node.interface.c_str(), IFNAMSIZ - 1);
  request.ifr_data = reinterpret_cast<char*>(&link);
  must(::ioctl(node.sender.get(), SIOCETHTOOL, &request) == 0, "ETHTOOL_GLINK");
  return link.data != 0;
}

// --- traffic ------------------------------------------------------------------------------------

struct Offered {
  std::size_t payload = kFullPayload;
  double packets_per_second = 0;
  nanoseconds time{};
};

struct Arrival {
  MonotonicTime sent;
  MonotonicTime arrived;
};

nanoseconds duration_of(const timespec& time) {
  return seconds(time.tv_sec) + nanoseconds(time.tv_nsec);
}

nanoseconds realtime_to_monotonic() {
  timespec real{};
  ::clock_gettime(CLOCK_REALTIME, &real);
  return MonotonicClock::now().time_since_epoch() - duration_of(real);
}

/// Sends evenly, at most every half millisecond a burst; every packet says when it was sent.
std::size_t send_evenly(const Node& from, const Offered& offered) {
  std::vector<char> payload(offered.payload, 'x');
  const auto start = MonotonicClock::now();
  std::size_t sent = 0;
  while (true) {
    const auto now = MonotonicClock::now();
    if (now - start >= offered.time) return sent;
    const auto wanted = static_cast<std::size_t>(
        offered.packets_per_second * std::chrono::duration<double>(now - start).count() + 1);
    for (; sent < wanted; ++sent) {
      const auto stamp = MonotonicClock::now().time_since_epoch().count();
      std::memcpy(payload.data(), &stamp, sizeof stamp);
      (void)::send(from.sender.get(), payload.data(), payload.size(), 0);
    }
    const auto gap = nanoseconds(std::llround(1e9 / offered.packets_per_second));
    std::this_thread::sleep_for(std::max<nanoseconds>(gap, microseconds(500)));
  }
}

/// Everything that arrives until `done` is set and then nothing more for 20 ms; times are the
/// kernel's.
std::vector<Arrival> receive_all(const Node& at, const std::atomic<bool>& done) {
  constexpr std::size_t kBatch = 64;
  struct Slot {
    char payload[64];
    alignas(cmsghdr) char control[CMSG_SPACE(sizeof(timespec))];
  };
  std::vector<Slot> slots(kBatch);
  std::vector<mmsghdr> messages(kBatch);
  std::vector<iovec> vectors(kBatch);
  std::vector<Arrival> arrivals;
  while (true) {
    const bool last = done;
    for (std::size_t i = 0; i < kBatch; ++i) {
      vectors[i] = {slots[i].payload, sizeof slots[i].payload};
      messages[i].msg_hdr = {};
      messages[i].msg_hdr.msg_iov = &vectors[i];
      messages[i].msg_hdr.msg_iovlen = 1;
      messages[i].msg_hdr.msg_control = slots[i].control;
      messages[i].msg_hdr.msg_controllen = sizeof slots[i].control;
    }
    const int count =
        ::recvmmsg(at.receiver.get(), messages.data(), kBatch, MSG_WAITFORONE, nullptr);
    if (count <= 0 && last) return arrivals;
    const auto offset = realtime_to_monotonic();
    for (int i = 0; i < count; ++i) {
      Arrival arrival;
      nanoseconds::rep sent = 0;
      std::memcpy(&sent, slots[static_cast<std::size_t>(i)].payload, sizeof sent);
      arrival.sent = MonotonicTime(nanoseconds(sent));
      timespec stamp{};
      auto& header = messages[static_cast<std::size_t>(i)].msg_hdr;
      if (const auto* control = CMSG_FIRSTHDR(&header); control != nullptr)
        std::memcpy(&stamp, CMSG_DATA(control), sizeof stamp);
      arrival.arrived = MonotonicTime(duration_of(stamp) + offset);
      arrivals.push_back(arrival);
    }
    // Under load let packets gather: a wake-up for each would take the time the sender needs.
    if (count > 4) std::this_thread::sleep_for(microseconds(500));
  }
}

struct Run {
  std::size_t sent = 0;
  std::vector<Arrival> arrivals;
};

/// The receiver stops `linger` after the sender: as long as the link may hold a packet.
Run transfer(const Node& from, const Node& to, const Offered& offered, nanoseconds linger) {
  Run run;
  std::atomic<bool> done = false;
  std::thread receiver([&] { run.arrivals = receive_all(to, done); });
  run.sent = send_evenly(from, offered);
  std::this_thread::sleep_for(linger);
  done = true;
  receiver.join();
  return run;
}

double rate_mbit(const Run& run, std::size_t payload) {
  if (run.arrivals.size() < 2) return 0;
  return rate_of((run.arrivals.size() - 1) * (payload + kHeaders),
                 run.arrivals.back().arrived - run.arrivals.front().arrived)
      .mbit();
}

/// Milliseconds on the way, sorted.
std::vector<double> delays_ms(const Run& run) {
  std::vector<double> delays;
  for (const auto& arrival : run.arrivals)
    delays.push_back(
        std::chrono::duration<double, std::milli>(arrival.arrived - arrival.sent).count());
  std::sort(delays.begin(), delays.end());
  return delays;
}

double quantile(const std::vector<double>& sorted, double part) {
  if (sorted.empty()) return NAN;
  return sorted[static_cast<std::size_t>(part * static_cast<double>(sorted.size() - 1))];
}

nanoseconds cpu_time_of(pid_t process) {
  clockid_t clock{};
  timespec time{};
  if (::clock_getcpuclockid(process, &clock) != 0) return {};
  ::clock_gettime(clock, &time);
  return duration_of(time);
}

// --- checks -------------------------------------------------------------------------------------

struct Bench {
  Node a{.space = {},
         .interface = "cal-a",
         .address = "10.99.0.1",
         .mac = "02:00:00:00:00:0a",
         .sender = {},
         .receiver = {}};
  Node b{.space = {},
         .interface = "cal-b",
         .address = "10.99.0.2",
         .mac = "02:00:00:00:00:0b",
         .sender = {},
         .receiver = {}};
  pid_t wire = 0;
  UniqueFd control_fd;
  bool all_good = true;

  WireControl control{-1};

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

  bench.control_fd.reset();
  int status = 0;
  ::waitpid(bench.wire, &status, 0);
  bench.report("the wire ends with its control socket", fmt::format("status {}", status),
               status == 0);
  fmt::print("{} in {:.1f} s\n", bench.all_good ? "all within bounds" : "OUT OF BOUNDS",
             std::chrono::duration<double>(MonotonicClock::now() - start).count());
  return bench.all_good ? 0 : 1;
}
