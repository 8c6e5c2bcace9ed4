// SPDX-License-Identifier: MIT
// SOCKS5 from both of its ends: the first octet says which one hears the input and whether there is
// a password, the second how much comes at a time. Whatever comes, what is said step by step is the
// same in pieces and at once.
#include "signalling/socks5.hpp"

#include <algorithm>

#include "input.hpp"

using namespace anabranch;
using namespace anabranch::signalling;
using fuzz::require;

namespace {

constexpr unsigned kMostSteps = 3;

struct Result {
  std::size_t decided = 0;  ///< index of the alternative
  std::size_t consumed = 0;
  Octets said;

  bool operator==(const Result&) const = default;
};

/// Everything that a conversation says to `heard`, of which `step` octets come at a time.
template <class Conversation, class Good>
Result talk(Conversation& conversation, Heard heard, std::size_t step) {
  Result out;
  unsigned steps = 0;
  for (std::size_t there = 0;;) {
    const auto answer = conversation.hear(heard.first(there));
    if (const auto* say = std::get_if<Say>(&answer)) {
      require(!say->octets.empty() && ++steps < kMostSteps, "few steps, each with something");
      out.said.insert(out.said.end(), say->octets.begin(), say->octets.end());
      continue;
    }
    out.decided = answer.index();
    if (const auto* good = std::get_if<Good>(&answer)) {
      out.consumed = good->consumed;
      require(out.consumed <= there, "what is consumed was there");
    }
    if (!std::holds_alternative<NeedMore>(answer) || there == heard.size()) return out;
    require(there < kMaxSetupOctets, "a set-up has an end");
    there = std::min(there + step, heard.size());
  }
}

void accept(bool password, Heard heard, std::size_t step) {
  Socks5AcceptorSettings settings;
  if (password)
    settings.allowed = [](std::string_view user, std::string_view) { return user.size() % 2 == 1; };
  const auto slow = socks5_acceptor(settings);
  const auto fast = socks5_acceptor(settings);
  const auto result = talk<Acceptor, Asked>(*slow, heard, step);
  require(talk<Acceptor, Asked>(*fast, heard, kMaxSetupOctets) == result, "pieces change nothing");
  const auto last = slow->hear(heard);
  if (const auto* asked = std::get_if<Asked>(&last)) {
    require(asked->request.endpoint.port != 0, "a destination has a port");
    require(result.said.size() == (password ? 4 : 2), "all steps were made");
    require(!socks5_initiator({})->opening(asked->request).empty(), "it can be asked on");
    for (unsigned verdict = 0; verdict <= static_cast<unsigned>(Verdict::kUnreachable); ++verdict)
      require(
          (slow->answer({.verdict = static_cast<Verdict>(verdict)}).at(1) == 0) == (verdict == 0),
          "an error unless it is established");
  }
  if (const auto* refusal = std::get_if<Refusal>(&last))
    require(!refusal->reason.empty() && refusal->reset == refusal->reply.empty(),
            "a refusal says why");
}

void initiate(bool password, Heard heard, std::size_t step) {
  Socks5InitiatorSettings settings;
  if (password) settings.user = "alice";
  const auto slow = socks5_initiator(settings);
  const auto fast = socks5_initiator(settings);
  const Request request{.endpoint = {{}, 80}, .name = "example.org"};
  require(slow->opening(request) == fast->opening(request), "the same request");
  const auto result = talk<Initiator, Accepted>(*slow, heard, step);
  require(talk<Initiator, Accepted>(*fast, heard, kMaxSetupOctets) == result,
          "pieces change nothing");
  const auto last = slow->hear(heard);
  if (const auto* failed = std::get_if<Failed>(&last))
    require(!failed->reason.empty() && failed->verdict != Verdict::kEstablished, "why not");
}

}  // namespace

int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  fuzz::Input input({data, size});
  const auto how = input.octet();
  const std::size_t step = 1 + input.octet() % 64;
  const auto heard = input.take(size);
  if ((how & 1) == 0)
    accept((how & 2) != 0, heard, step);
  else
    initiate((how & 2) != 0, heard, step);
  return 0;
}
