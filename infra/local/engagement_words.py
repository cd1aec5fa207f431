"""The words for what somebody did in a show and what held them back, in English and Chinese."""

from __future__ import annotations

from collections.abc import Mapping

# By code: English, Chinese.
WORDS: Mapping[str, tuple[str, str]] = {
    "in_shows": ("In the shows", "直播中的表现"),
    # Where somebody left.
    "left_at": ("left at", "离开环节"),
    "place_came_in": ("came in", "进入直播间"),
    "place_watching": ("watching", "观看"),
    "place_joined_in": ("joining in", "互动"),
    "place_looking": ("looking at products", "看商品"),
    "place_cart": ("the cart", "购物车"),
    "place_checkout": ("the checkout", "结账"),
    "place_payment": ("the payment", "支付"),
    "place_ordered": ("ordered", "已下单"),
    "checkout_step": ("step {n}", "第 {n} 步"),
    # What held them back.
    "held_back_by": ("held back by", "未下单的原因"),
    "obstacle_price": ("price", "价格"),
    "obstacle_shipping": ("shipping", "运费物流"),
    "obstacle_promotion": ("offers", "优惠"),
    "obstacle_reviews": ("quality, reviews", "质量口碑"),
    "obstacle_trust": ("trust", "信任"),
    "obstacle_scarcity": ("stock", "缺货"),
    "obstacle_host": ("presentation", "讲解"),
    "obstacle_atmosphere": ("stream, noise", "直播卡顿、太吵"),
    "obstacle_hesitation": ("hesitation", "犹豫"),
    "obstacle_unknown": ("unknown", "未知"),
    # The evidence, where the report has no word for it yet.
    "found_expensive": ("found it expensive", "嫌贵"),
    "asked_reviews": ("asked for reviews", "问评价"),
    "asked_host": ("asked the host to show or explain again", "请主播再讲"),
    "minded_atmosphere": ("trouble with picture or sound", "画面或声音不好"),
    "had_trouble": ("technical trouble", "操作遇到问题"),
    "alarmed": ("alarm words", "预警词"),
    "cart_removed": ("took out of the cart", "移出购物车"),
    "compared_products": ("{n} products side by side", "并排比较 {n} 件商品"),
    "stated_shipping": ("said: shipping", "自述：运费物流"),
    "stated_reviews": ("said: unsure of the quality", "自述：不确定质量"),
    "stated_scarcity": ("said: sold out", "自述：缺货"),
    "stated_host": ("said: the presentation", "自述：讲解"),
    "stated_atmosphere": ("said: too hectic", "自述：太吵太赶"),
    # What else behaviour says.
    "their_orders": ("orders", "订单"),
    "their_interests": ("interested in", "感兴趣"),
    "their_votes": ("voted", "投票"),
    "their_compared": ("compared", "比较过"),
    "choosing_among": ("choosing among", "在其中挑选"),
    "their_questions": ("asked about", "提问"),
    "their_alarms": ("alarm words", "预警词"),
    "came_by": ("came by", "来源"),
    "active_at": ("active at", "活跃时段"),
    "question_product": ("the product", "商品"),
    "question_promotion": ("offers", "优惠"),
    "question_logistics": ("logistics", "物流"),
    "question_technical": ("technical trouble", "技术问题"),
    "question_other": ("something else", "其他"),
    "urgency_1": ("when there is time", "有空时回复"),
    "urgency_2": ("while it is shown", "讲解时回复"),
    "urgency_3": ("at once", "立即回复"),
    "alarm_counterfeit": ("fake goods", "假货"),
    "alarm_fraud": ("fraud", "欺诈"),
    "alarm_safety": ("harm", "人身安全"),
    "alarm_authorities": ("authorities, lawyers", "投诉举报"),
    # The list of a show's viewers.
    "audience": ("Who did not order", "未下单名单"),
    "everybody": ("Everybody who was there", "全部观众"),
    "next_page": ("more: go on with --after", "后面还有：加上 --after"),
    "no_more_pages": ("that was the last page", "已是最后一页"),
}
