"""The words that made-up services are named with, in Russian and in English."""

PLATFORMS = (
    "Telegram",
    "YouTube",
    "ТикТок",
    "ВКонтакте",
    "Instagram",
    "X",
    "Facebook",
    "Spotify",
    "Twitch",
    "Дзен",
    "Rutube",
    "Одноклассники",
)

KINDS = (
    ("Подписчики", "Followers"),
    ("Просмотры", "Views"),
    ("Лайки", "Likes"),
    ("Комментарии", "Comments"),
    ("Репосты", "Shares"),
    ("Реакции", "Reactions"),
)

PROMISES = (
    ("", ""),
    ("Гарантия 30 дней", "30 days refill"),
    ("Без гарантии", "No refill"),
    ("Высокое качество", "High quality"),
    ("Живые профили", "Real profiles"),
    ("Без списаний", "Non drop"),
    ("Эконом", "Economy"),
)

PACES = (
    ("", ""),
    ("Быстрый старт", "Instant start"),
    ("Постепенно", "Gradual"),
    ("1000 в день", "1000 a day"),
    ("До 50000 в сутки", "Up to 50000 a day"),
)

GEOS = (
    ("", ""),
    ("Россия", "Russia"),
    ("Казахстан", "Kazakhstan"),
    ("Беларусь", "Belarus"),
    ("Узбекистан", "Uzbekistan"),
    ("Турция", "Turkey"),
    ("Индия", "India"),
    ("Бразилия", "Brazil"),
    ("Германия", "Germany"),
)
