// SPDX-License-Identifier: MIT
#include "calibration_bench.hpp"

#include <algorithm>
#include <cmath>
#include <cstdlib>
#include <cstring>
#include <fstream>
#include <thread>

#include <arpa/inet.h>
#include <fcntl.h>
#include <fmt/core.h>
#include <linux/ethtool.h>
#include <linux/sockios.h>
#include <net/if.h>
#include <sched.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <time.h>

#include "kernel/offloads.hpp"

namespace anabranch::lab::calibration {
namespace {

using std::chrono::microseconds;

[[noreturn]] void give_up(const std::string& what) {
  fmt::print(stderr, "wire_calibration: {}: {}\n", what, std::strerror(errno));
  std::exit(2);
}

void write_file(const std::string& path, const std::string& text) {
  std::ofstream(path) << text;
}

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

nanoseconds duration_of(const timespec& time) {
  return seconds(time.tv_sec) + nanoseconds(time.tv_nsec);
}

nanoseconds realtime_to_monotonic() {
  timespec real{};
  ::clock_gettime(CLOCK_REALTIME, &real);
  return MonotonicClock::now().time_since_epoch() - duration_of(real);
}

void run(const std::string& command) {
  must(std::system(command.c_str()) == 0, command);
}

}  // namespace

void must(bool good, const std::string& what) {
  if (!good) give_up(what);
}

void must(const Result<void>& result, const std::string& what) {
  if (result) return;
  fmt::print(stderr, "wire_calibration: {}: {}\n", what, result.error().text());
  std::exit(2);
}

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

void prepare(MeasuringNode& node, const UniqueFd& wire_space, const std::string& wire_end) {
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

void connect_to(MeasuringNode& node, const MeasuringNode& peer) {
  // A known neighbour: a lost ARP request would hold packets back for a second.
  enter(node.space);
  run(fmt::format("ip neigh replace {} lladdr {} nud permanent dev {}", peer.address, peer.mac,
                  node.interface));
  sockaddr_in name{};
  name.sin_family = AF_INET;
  name.sin_port = htons(7001);
  ::inet_pton(AF_INET, peer.address.c_str(), &name.sin_addr);
  must(::connect(node.sender.get(), reinterpret_cast<sockaddr*>(&name), sizeof name) == 0,
       "connect");
}

bool carrier(const MeasuringNode& node) {
  // By a socket of that namespace: sysfs would show the namespace it was mounted in. The ethtool
  // link state is the carrier itself, IFF_RUNNING would lag behind.
  ethtool_value link{ETHTOOL_GLINK, 0};
  ifreq request{};
  std::strncpy(request.ifr_name, node.interface.c_str(), IFNAMSIZ - 1);
  request.ifr_data = reinterpret_cast<char*>(&link);
  must(::ioctl(node.sender.get(), SIOCETHTOOL, &request) == 0, "ETHTOOL_GLINK");
  return link.data != 0;
}

std::size_t send_evenly(const MeasuringNode& from, const Offered& offered) {
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

std::vector<Arrival> receive_all(const MeasuringNode& at, const std::atomic<bool>& done) {
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

Run transfer(const MeasuringNode& from, const MeasuringNode& to, const Offered& offered,
             nanoseconds linger) {
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

}  // namespace anabranch::lab::calibration
