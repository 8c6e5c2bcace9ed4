// SPDX-License-Identifier: MIT
// Transfers on loopback inside this process, read back as the lab reads them.
#include "lab/workload.hpp"

#include <algorithm>
#include <future>
#include <thread>

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <netinet/in.h>
#include <sys/socket.h>

#include "base/fd.hpp"
#include "kernel/mptcp_socket.hpp"

namespace anabranch::lab {
namespace {

using testing::HasSubstr;

const IpAddress kLoopback = IpAddress::parse("127.0.0.1").value();

std::uint16_t free_port() {
  UniqueFd fd(::socket(AF_INET, SOCK_STREAM, 0));
  sockaddr_storage address{};
  socklen_t length = kLoopback.to_sockaddr(0, address);
  EXPECT_EQ(::bind(fd.get(), reinterpret_cast<sockaddr*>(&address), length), 0);
  EXPECT_EQ(::getsockname(fd.get(), reinterpret_cast<sockaddr*>(&address), &length), 0);
  return ntohs(reinterpret_cast<sockaddr_in&>(address).sin_port);
}

/// A workload in a thread, its report in a pipe.
class Running {
 public:
  explicit Running(const WorkloadOptions& options) {
    int ends[2];
    EXPECT_EQ(::pipe(ends), 0);
    in_ = UniqueFd(ends[0]);
    result_ = std::async(std::launch::async, [options, out = ends[1]] {
      const UniqueFd closed_at_the_end(out);
      return run_workload(options, out);
    });
  }

  /// The next event; nothing at the end of the report.
  std::optional<WorkloadEvent> next() {
    std::string line;
    char letter;
    while (::read(in_.get(), &letter, 1) == 1) {
      if (letter == '\n') return parse_workload_event(line).value();
      line += letter;
    }
    return std::nullopt;
  }

  void wait_until_listening() {
    const auto event = next();
    ASSERT_TRUE(event && std::holds_alternative<event::Listening>(*event));
  }

  std::vector<WorkloadEvent> rest() {
    std::vector<WorkloadEvent> out;
    while (auto event = next()) out.push_back(std::move(*event));
    return out;
  }

  Result<void> result() { return result_.get(); }

 private:
  UniqueFd in_;
  std::future<Result<void>> result_;
};

template <class T>
std::vector<T> only(const std::vector<WorkloadEvent>& events) {
  std::vector<T> out;
  for (const auto& event : events)
    if (const auto* found = std::get_if<T>(&event)) out.push_back(*found);
  return out;
}

WorkloadOptions receiver(std::uint16_t port, bool mptcp) {
  WorkloadOptions out;
  out.listen = true;
  out.mptcp = mptcp;
  out.bind = kLoopback;
  out.port = port;
  out.congestion = "reno";
  return out;
}

WorkloadOptions sender(std::uint16_t port, bool mptcp, std::uint64_t octets) {
  WorkloadOptions out;
  out.send = true;
  out.mptcp = mptcp;
  out.remote = kLoopback;
  out.port = port;
  out.octets = octets;
  out.congestion = "reno";
  return out;
}

void expect_whole_transfer(bool mptcp, std::uint64_t octets) {
  const auto port = free_port();
  Running receiving(receiver(port, mptcp));
  receiving.wait_until_listening();
  Running sending(sender(port, mptcp, octets));
  const auto received = receiving.rest();
  const auto sent = sending.rest();
  EXPECT_TRUE(receiving.result());
  EXPECT_TRUE(sending.result());

  ASSERT_EQ(only<event::Connected>(received).size(), 1U);
  EXPECT_EQ(only<event::Connected>(received)[0].mptcp, mptcp);
  EXPECT_EQ(only<event::Connected>(sent)[0].mptcp, mptcp);
  ASSERT_EQ(only<event::Done>(received).size(), 1U);
  ASSERT_EQ(only<event::Done>(sent).size(), 1U);
  const auto at_receiver = only<event::Done>(received)[0];
  const auto at_sender = only<event::Done>(sent)[0];
  EXPECT_EQ(at_receiver.octets, octets);
  EXPECT_EQ(at_sender.octets, octets);
  EXPECT_EQ(at_receiver.sha256, at_sender.sha256);
  EXPECT_EQ(at_receiver.sha256.size(), 64U);
  EXPECT_EQ(at_receiver.mptcp, mptcp);
  EXPECT_GE(at_receiver.last_ns, at_receiver.first_ns);
  ASSERT_EQ(at_receiver.subflows.size(), 1U);
  ASSERT_EQ(at_sender.subflows.size(), 1U);
  // SYN and FIN count for one octet each in the kernel's figures; what MPTCP sends a second time,
  // as it may on a loopback that is late, counts twice.
  for (const auto& end : {at_receiver, at_sender}) {
    EXPECT_GE(end.subflows[0].octets, octets);
    if (!mptcp) {
      EXPECT_LE(end.subflows[0].octets, octets + 2);
    }
  }
}

TEST(Workload, TcpCarriesThePayloadUnchanged) {
  expect_whole_transfer(false, 3'000'001);
}

TEST(Workload, MptcpCarriesThePayloadUnchanged) {
  if (!kernel::mptcp_available()) GTEST_SKIP() << "no MPTCP in this network namespace";
  expect_whole_transfer(true, 3'000'001);
}

TEST(Workload, SendsForTheDurationAsked) {
  const auto port = free_port();
  Running receiving(receiver(port, false));
  receiving.wait_until_listening();
  auto options = sender(port, false, 0);
  options.duration = milliseconds(250);
  Running sending(options);
  const auto received = receiving.rest();
  const auto sent = sending.rest();
  const auto done = only<event::Done>(sent).at(0);
  EXPECT_GT(done.octets, 0U);
  EXPECT_GE(only<event::Sample>(sent).size(), 2U);
  EXPECT_EQ(only<event::Done>(received).at(0).sha256, done.sha256);
}

TEST(Workload, ServerMaySend) {
  const auto port = free_port();
  auto serving = receiver(port, false);
  serving.send = true;
  serving.octets = 100'000;
  Running server(serving);
  server.wait_until_listening();
  auto fetching = sender(port, false, 0);
  fetching.send = false;
  Running client(fetching);
  EXPECT_EQ(only<event::Done>(client.rest()).at(0).octets, 100'000U);
  EXPECT_TRUE(server.result());
}

/// A sender of this test's own that is silent for 250 ms in the middle and again before it closes.
TEST(Workload, SilenceIsAGapAndIsSampled) {
  const auto port = free_port();
  Running receiving(receiver(port, false));
  receiving.wait_until_listening();
  {
    UniqueFd fd(::socket(AF_INET, SOCK_STREAM, 0));
    sockaddr_storage address{};
    const socklen_t length = kLoopback.to_sockaddr(port, address);
    ASSERT_EQ(::connect(fd.get(), reinterpret_cast<sockaddr*>(&address), length), 0);
    ASSERT_EQ(::send(fd.get(), "one", 3, 0), 3);
    std::this_thread::sleep_for(milliseconds(250));
    ASSERT_EQ(::send(fd.get(), "four", 4, 0), 4);
    std::this_thread::sleep_for(milliseconds(120));
  }
  const auto events = receiving.rest();
  const auto gaps = only<event::Gap>(events);
  ASSERT_EQ(gaps.size(), 2U);
  // The receiver's clock starts when it wakes up, which a busy machine delays.
  EXPECT_GE(gaps[0].length_ns, 200'000'000);
  EXPECT_GE(gaps[1].length_ns, 70'000'000);
  EXPECT_GE(gaps[1].start_ns, gaps[0].start_ns + gaps[0].length_ns);
  const auto samples = only<event::Sample>(events);
  EXPECT_GE(std::ranges::count(samples, 3U, &event::Sample::octets), 2);
  EXPECT_EQ(samples.back().octets, 7U);
  EXPECT_EQ(only<event::Done>(events).at(0).octets, 7U);
}

TEST(Workload, SenderWithoutAnAmountIsAnInputError) {
  Running running(sender(1, false, 0));
  const auto events = running.rest();
  ASSERT_EQ(only<event::Failed>(events).size(), 1U);
  const auto result = running.result();
  ASSERT_FALSE(result);
  EXPECT_EQ(result.error().code, ExitCode::kBadInput);
}

TEST(Workload, RefusedConnectionFailsWithTheReason) {
  Running running(sender(free_port(), false, 1));
  const auto failed = only<event::Failed>(running.rest());
  ASSERT_EQ(failed.size(), 1U);
  EXPECT_THAT(failed[0].what, HasSubstr("Connection refused"));
  EXPECT_FALSE(running.result());
}

TEST(Workload, SenderSaysWhenThePeerClosesEarly) {
  const auto port = free_port();
  UniqueFd listener(::socket(AF_INET, SOCK_STREAM, 0));
  sockaddr_storage address{};
  const socklen_t length = kLoopback.to_sockaddr(port, address);
  ASSERT_EQ(::bind(listener.get(), reinterpret_cast<sockaddr*>(&address), length), 0);
  ASSERT_EQ(::listen(listener.get(), 1), 0);
  Running running(sender(port, false, 1'000'000'000));
  UniqueFd accepted(::accept(listener.get(), nullptr, nullptr));
  ASSERT_EQ(::shutdown(accepted.get(), SHUT_WR), 0);
  const auto failed = only<event::Failed>(running.rest());
  ASSERT_EQ(failed.size(), 1U);
  EXPECT_THAT(failed[0].what, HasSubstr("closed early"));
}

}  // namespace
}  // namespace anabranch::lab
