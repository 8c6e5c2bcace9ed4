// SPDX-License-Identifier: MIT
// A packet that claims to answer a probe: refused, or a reply whose ports and number stand in it.
// With it a run of replies over open questions: nothing counts twice.
#include "input.hpp"
#include "probe/open_questions.hpp"
#include "probe/rate_estimate.hpp"
#include "probe/segment.hpp"

using namespace anabranch;

namespace {

void parse(std::span<const std::uint8_t> packet) {
  const auto segment = probe::tcp_of_ipv4(packet);
  fuzz::require(
      segment.empty() || (segment.data() >= packet.data() + 20 &&
                          segment.data() + segment.size() <= packet.data() + packet.size()),
      "a segment lies behind the header of its packet");
  for (const auto& octets : {packet, segment}) {
    const auto reply = probe::parse_reply(octets);
    if (!reply) continue;
    fuzz::require(octets.size() >= 20, "a reply is a whole header");
    fuzz::require((octets[2] << 8 | octets[3]) == reply->local_port,
                  "the port is that of the reply");
  }
}

void match(fuzz::Input& input) {
  const MonotonicTime start{seconds(100)};
  const auto remote = IpAddress::v4(0xc6336401);
  probe::OpenQuestions open;
  std::size_t sent = 0;
  std::size_t counted = 0;
  while (!input.empty()) {
    const auto what = input.octet();
    if (what % 4 == 0) {
      probe::Question question;
      question.octets = 1400;
      question.sent = start;
      question.deadline = start + milliseconds(input.octet());
      for (unsigned i = 0; i <= what / 64U; ++i)
        question.syns.push_back({.flow = {.local = IpAddress::v4(0x0a010002),
                                          .local_port = static_cast<std::uint16_t>(i),
                                          .remote = remote,
                                          .remote_port = 443},
                                 .sequence = input.number(1),
                                 .payload = input.octet()});
      sent += question.syns.size();
      open.add(std::move(question));
    } else if (what % 4 == 1) {
      for (const auto& expired : open.expire(start + milliseconds(input.octet())))
        fuzz::require(expired.answered() < expired.syns.size(), "what is answered does not expire");
    } else {
      const probe::Reply reply{.remote_port = 443,
                               .local_port = static_cast<std::uint16_t>(what / 64),
                               .acknowledged = input.number(2),
                               .reset = false};
      const auto matched =
          open.take(remote, reply, start + milliseconds(static_cast<int>(input.octet()) - 5));
      if (!matched) continue;
      ++counted;
      if (!matched->finished) continue;
      fuzz::require(matched->finished->rtt() >= nanoseconds{}, "no time runs backwards");
      const auto rate = probe::estimate_rate(matched->finished->arrivals, 1400);
      fuzz::require(rate <= BitRate::mbit(1121), "no rate beyond what the clock tells");
    }
  }
  fuzz::require(counted <= sent, "nothing is answered twice");
  open.expire(MonotonicTime::max());
  fuzz::require(open.room_for(probe::OpenQuestions::kLargest), "all that was open has ended");
}

}  // namespace

int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  parse({data, size});
  fuzz::Input input({data, size});
  match(input);
  return 0;
}
