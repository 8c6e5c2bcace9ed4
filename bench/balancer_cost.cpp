// SPDX-License-Identifier: MIT
// What the balancer's programs take for a packet, beside an empty program in the same run: frames
// through the kernel's test-run, many times over, no network. Then generated joins, of which none
// may be misrouted.
//
// A figure is the smallest of kRounds, each of which runs every case once: another program that
// takes the processor away makes single rounds slow, not all of them. Where a frame has to differ
// each time, or to be put back, bpf/varied.bpf.c does it; what that takes with an empty program
// behind it is measured in the same round and taken off.
//
//   balancer_cost [cost|joins]    both, or one of them
//
// Ends with 1 when a bound is missed or a join misrouted.
#include <algorithm>
#include <cstdio>
#include <limits>
#include <memory>
#include <numeric>
#include <random>
#include <string>
#include <string_view>

#include <bpf/bpf.h>
#include <linux/bpf.h>
#include <linux/pkt_cls.h>
#include <varied.h>
#include <varied.skel.h>

#include "support/generated_joins.hpp"
#include "support/steered.hpp"

namespace {

using namespace anabranch;
using namespace anabranch::test;
using kernel::BalancerHook;
using kernel::BalancerPlane;

constexpr int kRounds = 9;
constexpr std::uint32_t kRepeats = 25'000;
constexpr std::uint32_t kGenerated = 1'000'000;
constexpr std::size_t kClientAt[]{14 + 12, 14 + 8 + 12};  ///< the end of an IPv4, IPv6 source
constexpr std::size_t kOptionsAt[]{14 + 20 + 20, 14 + 40 + 20};

struct Case {
  const char* what;
  BalancerHook hook;
  bool is_ipv6;
  Octets frame;
  double bound = 0;  ///< times the empty program; 0: none
  bool varies_client = false;
  std::size_t token_at = 0;
  std::size_t key_at = 0;
  bool restores = false;  ///< it grows
  /// Sent first as often as the frame itself, from the same clients.
  Octets before = {};
  double nanoseconds = std::numeric_limits<double>::max();

  bool is_varied() const { return varies_client || token_at != 0 || key_at != 0 || restores; }
};

class Bench {
 public:
  explicit Bench(BalancerPlane& plane) : plane_(plane), varied_(::varied__open_and_load()) {
    if (!varied_) throw std::runtime_error("cannot load the programs of the bench");
    list_tokens();
  }

  void measure(Case& of) {
    double empty = time(of, empty_of(of.hook), of.frame);
    smallest(of.hook == BalancerHook::kTc ? empty_tc_ : empty_xdp_, empty);
    if (!of.is_varied())
      return smallest(of.nanoseconds, time(of, plane_.program(of.hook), of.frame));
    const double varying = vary(of, empty_of(of.hook), of.frame) - empty;
    if (!of.before.empty()) vary(of, plane_.program(of.hook), of.before);
    smallest(of.nanoseconds, vary(of, plane_.program(of.hook), of.frame) - varying);
    if (of.varies_client) first_ += kRepeats;
  }
  /// Those that were learned meanwhile have taken the place of some.
  void give_tokens() { must(plane_.set_tokens(1, tokens_)); }
  double empty(BalancerHook hook) const {
    return hook == BalancerHook::kTc ? empty_tc_ : empty_xdp_;
  }

 private:
  static void smallest(double& of, double value) { of = std::min(of, value); }
  int empty_of(BalancerHook hook) const {
    return ::bpf_program__fd(hook == BalancerHook::kTc ? varied_->progs.empty_tc
                                                       : varied_->progs.empty_xdp);
  }

  /// Nanoseconds for each time.
  double time(const Case& of, int program, const Octets& frame) const {
    ::bpf_test_run_opts options{};
    options.sz = sizeof options;
    options.data_in = frame.data();
    options.data_size_in = static_cast<__u32>(frame.size());
    options.repeat = kRepeats;
    if (::bpf_prog_test_run_opts(program, &options) != 0)
      throw std::runtime_error(std::string("no test-run: ") + of.what);
    const std::uint32_t wanted =
        of.hook == BalancerHook::kTc ? std::uint32_t{TC_ACT_REDIRECT} : std::uint32_t{XDP_TX};
    if (options.retval != wanted) throw std::runtime_error(std::string("not sent on: ") + of.what);
    return options.duration;
  }
  double vary(const Case& of, int program, const Octets& frame) {
    const bool is_tc = of.hook == BalancerHook::kTc;
    auto* map = is_tc ? varied_->maps.next_tc : varied_->maps.next_xdp;
    const std::uint32_t only = 0;
    if (::bpf_map__update_elem(map, &only, sizeof only, &program, sizeof program, BPF_ANY) != 0)
      throw std::runtime_error("cannot put a program behind the varying one");
    auto& order = varied_->bss->varied;
    order = {};
    order.octets = static_cast<__u32>(frame.size());
    if (of.varies_client) order.client_at = static_cast<__u32>(kClientAt[of.is_ipv6]);
    if (&frame == &of.frame) {
      order.key_at = static_cast<__u32>(of.key_at);
      order.token_at = static_cast<__u32>(of.token_at);
    }
    order.next = first_;
    std::copy_n(frame.begin(), sizeof order.ethernet, order.ethernet);
    return time(of, ::bpf_program__fd(is_tc ? varied_->progs.vary_tc : varied_->progs.vary_xdp),
                frame);
  }

  /// A million, all different; in the order of the list they are anywhere in the table.
  void list_tokens() {
    std::vector<std::uint32_t> places(VARIED_TOKENS);
    std::vector<std::uint32_t> on_wire(VARIED_TOKENS);
    std::iota(places.begin(), places.end(), 0U);
    for (std::uint32_t i = 0; i < VARIED_TOKENS; ++i) {
      tokens_[i] = generated_token(i);
      on_wire[i] = STEER_TO_WIRE_32(tokens_[i]);
    }
    auto count = static_cast<__u32>(VARIED_TOKENS);
    ::bpf_map_batch_opts options{};
    options.sz = sizeof options;
    if (::bpf_map_update_batch(::bpf_map__fd(varied_->maps.some_tokens), places.data(),
                               on_wire.data(), &count, &options) != 0)
      throw std::runtime_error("cannot write the list of tokens");
  }

  struct Unload {
    void operator()(::varied* programs) const { ::varied__destroy(programs); }
  };
  BalancerPlane& plane_;
  std::unique_ptr<::varied, Unload> varied_;
  double empty_xdp_ = std::numeric_limits<double>::max();
  double empty_tc_ = std::numeric_limits<double>::max();
  std::uint32_t first_ = 1U << 24;
  std::vector<std::uint32_t> tokens_ = std::vector<std::uint32_t>(VARIED_TOKENS);
};

const Octets kKeys = hex("0101080a 00000001 00000001 1e140101 0102030405060708 a1a2a3a4a5a6a7a8");
constexpr std::size_t kKeyInOptions = 12 + 16;   ///< the second half of the server's key
constexpr std::size_t kTokenInOptions = 20 + 4;  ///< behind the usual options

std::vector<Case> cases_of(BalancerHook hook, bool is_ipv6) {
  const auto& client = is_ipv6 ? kClient6 : kClient;
  const auto& service = is_ipv6 ? kService6 : kService;
  const auto& by_token = is_ipv6 ? kByToken6 : kByToken;
  const auto make = [&](const Endpoint& to, std::uint8_t flags, const Octets& options = {},
                        std::size_t payload = 0) {
    return frame({client, to, flags, options, payload});
  };
  auto token_join = kMpJoin;
  const auto token = generated_token(0);
  for (std::size_t i = 0; i < 4; ++i)
    token_join[4 + i] = static_cast<std::uint8_t>(token >> (24 - 8 * i));
  const auto syn = make(service, kSyn, kUsualOptions);
  const auto capable = make(service, kSyn, kUsualOptions + kMpCapable);
  const auto join = make(by_token, kSyn, kUsualOptions + token_join);
  const auto options_at = kOptionsAt[is_ipv6];
  std::vector<Case> out{
      {"data", hook, is_ipv6, make(service, kAck, hex("0101080a0000000100000001"), 1000), 7},
      {"data, cure by token", hook, is_ipv6,
       make(by_token, kAck, hex("0101080a0000000100000001"), 1000), 7},
      {"SYN", hook, is_ipv6, syn, 8},
      {"SYN, MP_CAPABLE", hook, is_ipv6, capable, 8},
      {"SYN, MP_CAPABLE, a new connection", hook, is_ipv6, capable, 0, true},
      {"SYN, MP_JOIN by port", hook, is_ipv6,
       make(join_port(service, 2), kSyn, kUsualOptions + kMpJoin), 11},
      {"SYN, MP_JOIN by token, always the same", hook, is_ipv6, join, 11},
      {"SYN, MP_JOIN by token, any of 1,000,000", hook, is_ipv6, join, 0, false,
       options_at + kTokenInOptions},
      {"SYN, MP_JOIN by token, a new subflow", hook, is_ipv6, join, 0, true,
       options_at + kTokenInOptions},
      {"third ACK, token learned", hook, is_ipv6, make(by_token, kAck, kKeys), 0, true, 0,
       options_at + kKeyInOptions, false, make(by_token, kSyn, kUsualOptions + kMpCapable)},
  };
  if (!is_ipv6)
    out.push_back(
        {"SYN, MP_JOIN by address", hook, is_ipv6, make(kOwn, kSyn, kUsualOptions + kMpJoin), 11});
  // What a test-run of tc has encapsulated once, the kernel encapsulates no second time.
  if (hook == BalancerHook::kXdp) {
    Case far{"SYN, MP_JOIN by port, encapsulated", hook, is_ipv6,
             make(join_port(service, kEncapsulating), kSyn, kUsualOptions + kMpJoin), 11};
    far.restores = true;
    out.push_back(far);
    far.what = "data, join port, encapsulated";
    far.frame =
        make(join_port(service, kEncapsulating), kAck, hex("0101080a0000000100000001"), 1000);
    far.bound = 7;
    out.push_back(far);
  }
  return out;
}

bool tell(const std::vector<Case>& cases, const Bench& bench) {
  bool all_met = true;
  for (const auto& of : cases) {
    const double ratio = of.nanoseconds / bench.empty(of.hook);
    std::string verdict;
    if (of.bound != 0) {
      const bool is_met = ratio <= of.bound;
      all_met = all_met && is_met;
      verdict =
          (is_met ? "  PASS <= " : "  MISSED <= ") + std::to_string(static_cast<int>(of.bound));
    }
    std::printf("%-4s IPv%d  %-42s %6.0f ns %5.1fx%s\n",
                of.hook == BalancerHook::kTc ? "tc" : "xdp", of.is_ipv6 ? 6 : 4, of.what,
                of.nanoseconds, ratio, verdict.c_str());
  }
  return all_met;
}

bool measure_all() {
  auto plane = must(BalancerPlane::open({}));
  must(plane.set_limits({.inserts_per_second = std::numeric_limits<__u32>::max()}));
  fill(plane);
  // None of these encapsulates.
  for (std::uint32_t service = 0; service < kServices.size(); ++service)
    give_ring(plane, service, {{1}, {2}, {3}});
  Bench bench(plane);
  std::vector<Case> cases;
  for (const auto hook : {BalancerHook::kXdp, BalancerHook::kTc})
    for (const bool is_ipv6 : {false, true})
      std::ranges::copy(cases_of(hook, is_ipv6), std::back_inserter(cases));
  std::ranges::stable_partition(cases, [](const Case& of) { return of.before.empty(); });
  for (int round = 0; round < kRounds; ++round) {
    bench.give_tokens();
    for (auto& of : cases) bench.measure(of);
  }
  std::printf("empty program: xdp %.0f ns, tc %.0f ns; %d rounds of %u repetitions\n",
              bench.empty(BalancerHook::kXdp), bench.empty(BalancerHook::kTc), kRounds, kRepeats);
  return tell(cases, bench);
}

bool send_joins() {
  std::uint32_t misrouted = 0;
  for (const auto& [what, way] :
       {std::pair{"by token", JoinWay::kToken}, {"by port", JoinWay::kPort}})
    for (const bool is_ipv6 : {false, true}) {
      auto plane = must(BalancerPlane::open({}));
      must(plane.set_limits({.inserts_per_second = std::numeric_limits<__u32>::max()}));
      fill(plane);
      const auto wrong = misrouted_joins(plane, BalancerHook::kXdp, way, is_ipv6, kGenerated);
      std::printf("%u generated joins %s, IPv%d: %u misrouted\n", kGenerated, what, is_ipv6 ? 6 : 4,
                  wrong);
      misrouted += wrong;
    }
  return misrouted == 0;
}

}  // namespace

int main(int argc, char** argv) {
  const std::string_view only = argc > 1 ? argv[1] : "";
  std::setvbuf(stdout, nullptr, _IOLBF, 0);
  if (const auto plane = BalancerPlane::open({}); !plane) {
    std::printf("SKIP: %s\n", plane.error().text().c_str());
    return 0;
  }
  const bool all_met = only == "joins" || measure_all();
  const bool all_right = only == "cost" || send_joins();
  std::printf("%s\n", all_met && all_right ? "ok" : "MISSED");
  return all_met && all_right ? 0 : 1;
}
