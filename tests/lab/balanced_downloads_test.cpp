// SPDX-License-Identifier: MIT
#include "lab/balanced_downloads.hpp"

#include <string>

#include <gtest/gtest.h>

#include "lab/balanced_reply.hpp"
#include "lab/balanced_roles.hpp"

namespace anabranch::lab {
namespace {

std::span<const std::byte> octets(const std::string& text) {
  return std::as_bytes(std::span(text));
}

std::string reply_with(const std::string& body) {
  return "HTTP/1.1 200 OK\r\nServer: nginx\r\nContent-Length: " + std::to_string(body.size()) +
         "\r\nX-Server: 3\r\n\r\n" + body;
}

TEST(PieceReply, IsReadHoweverItIsCut) {
  const auto piece = make_piece(1000);
  const auto text = reply_with(piece.octets);
  for (const std::size_t cut : {1UL, 7UL, 100UL, text.size()}) {
    PieceReply reply;
    for (std::size_t at = 0; at < text.size(); at += cut) {
      const auto part = text.substr(at, cut);
      ASSERT_FALSE(reply.complete());
      const auto taken = reply.take(octets(part));
      ASSERT_TRUE(taken) << taken.error().text();
      EXPECT_EQ(*taken, part.size());
    }
    EXPECT_TRUE(reply.complete());
    EXPECT_EQ(reply.server(), 3U);
    EXPECT_EQ(reply.sha256(), piece.sha256);
  }
}

TEST(PieceReply, OneWrongOctetShowsInTheHash) {
  const auto piece = make_piece(1000);
  auto body = piece.octets;
  body[500] = static_cast<char>(body[500] ^ 1);
  PieceReply reply;
  ASSERT_TRUE(reply.take(octets(reply_with(body))));
  EXPECT_NE(reply.sha256(), piece.sha256);
}

TEST(PieceReply, WhatFollowsIsNotTaken) {
  PieceReply reply;
  const auto text = reply_with("abc");
  const auto taken = reply.take(octets(text + "HTTP/1.1"));
  ASSERT_TRUE(taken);
  EXPECT_EQ(*taken, text.size());
}

TEST(PieceReply, OtherAnswersAreErrors) {
  EXPECT_FALSE(PieceReply().take(octets("HTTP/1.1 404 Not Found\r\nContent-Length: 0\r\n\r\n")));
  EXPECT_FALSE(PieceReply().take(octets("HTTP/1.1 200 OK\r\nServer: nginx\r\n\r\n")));
  EXPECT_FALSE(PieceReply().take(octets(std::string(10'000, 'x'))));
}

TEST(DownloadReport, ComesBackAsItWasWritten) {
  DownloadReport report{.done = 1,
                        .live = 2,
                        .wrong = 3,
                        .pieces = 4,
                        .plain = 5,
                        .joined = 6,
                        .carried = 7,
                        .subflows = 8,
                        .lost_subflows = 9,
                        .broken = {{0, 1}, {4, 2}},
                        .last_failure = "nothing came"};
  const auto parsed = parse_download_report(format_download_report(report));
  ASSERT_TRUE(parsed);
  EXPECT_EQ(*parsed, report);
  EXPECT_EQ(report.all_broken(), 3U);
  EXPECT_FALSE(parse_download_report("ready"));
}

TEST(DownloadReport, OfSeveralProcessesIsTheirSum) {
  const DownloadReport a{.done = 1, .pieces = 2, .broken = {{1, 1}}, .last_failure = "a"};
  const DownloadReport b{.done = 10, .pieces = 20, .broken = {{1, 2}, {2, 3}}, .last_failure = ""};
  const auto both = a + b;
  EXPECT_EQ(both.done, 11U);
  EXPECT_EQ(both.pieces, 22U);
  EXPECT_EQ(both.broken, (std::map<unsigned, unsigned>{{1, 3}, {2, 3}}));
  EXPECT_EQ(both.last_failure, "a");
}

}  // namespace
}  // namespace anabranch::lab
