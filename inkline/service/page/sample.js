// A letter drawn by the browser, to try the page on.

export function sampleFile() {
  const canvas = Object.assign(document.createElement("canvas"), {width: 1000, height: 760});
  const pen = canvas.getContext("2d");
  pen.fillStyle = "#fdfcf8"; pen.fillRect(0, 0, 1000, 760);
  pen.fillStyle = "#1c1d21";
  const write = (text, x, y, font = "26px Georgia, serif") => { pen.font = font; pen.fillText(text, x, y); };
  write("Riverside Print Works", 60, 90, "bold 40px Georgia, serif");
  write("Invoice No. 2026-0417", 60, 160);
  write("17 April 2026", 740, 160);
  const goods = [["Letterpress cards, cotton", "250", "187.50"], ["Envelopes, grey", "250", "42.00"], ["Delivery", "1", "12.80"]];
  write("Item", 60, 250, "bold 24px Georgia, serif"); write("Pieces", 560, 250, "bold 24px Georgia, serif"); write("EUR", 820, 250, "bold 24px Georgia, serif");
  goods.forEach(([name, pieces, price], i) => { write(name, 60, 305 + i * 50); write(pieces, 580, 305 + i * 50); write(price, 800, 305 + i * 50); });
  write("Total", 60, 490, "bold 26px Georgia, serif"); write("242.30", 800, 490, "bold 26px Georgia, serif");
  pen.fillRect(60, 265, 860, 2); pen.fillRect(60, 450, 860, 2);
  write("Payable within 30 days. Merci, dziękujemy, 谢谢, спасибо!", 60, 590, "24px Georgia, serif");
  write("www.riverside-print.example", 60, 660, "20px Georgia, serif");
  return new Promise(done => canvas.toBlob(blob => done(new File([blob], "sample.png", {type: "image/png"})), "image/png"));
}
